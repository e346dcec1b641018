"""Our icons, drawn on a grid of 16 with a pen of 1.5: the paths alone, keyed by name."""

ICONS = {
    "alert": '<path d="M3.5 11.5h9l-1-1.8V7a3.5 3.5 0 0 0-7 0v2.7z"/><path d="M6.8 13.7h2.4"/>',
    "arrow-down": '<path d="M8 3v10M4 9l4 4 4-4"/>',
    "arrow-left": '<path d="M13 8H3M7 4 3 8l4 4"/>',
    "arrow-right": '<path d="M3 8h10M9 4l4 4-4 4"/>',
    "arrow-up": '<path d="M8 13V3M4 7l4-4 4 4"/>',
    "auto": '<circle cx="8" cy="8" r="5.5"/><path d="M8 2.5v11a5.5 5.5 0 0 0 0-11z" fill="currentColor"/>',
    "channel": '<path d="M2.5 9.8V6.2h2.6L11 3v10L5.1 9.8z"/><path d="M13.2 6.2a2.6 2.6 0 0 1 0 3.6"/>',
    "check": '<path d="m3 8.5 3.2 3.2L13 4.8"/>',
    "clock": '<circle cx="8" cy="8" r="5.5"/><path d="M8 5v3.2l2 1.3"/>',
    "copy": '<rect x="5.5" y="5.5" width="8" height="8" rx="1.5"/>'
    '<path d="M10.5 5.5V4A1.5 1.5 0 0 0 9 2.5H4A1.5 1.5 0 0 0 2.5 4v5A1.5 1.5 0 0 0 4 10.5h1.5"/>',
    "cross": '<path d="m4 4 8 8M12 4l-8 8"/>',
    "dash": '<path d="M4 8h8"/>',
    "endpoints": '<path d="M2.5 8h3M10.5 8h3"/><circle cx="8" cy="8" r="2.5"/><path d="M8 2.5v3M8 10.5v3"/>',
    "external": '<path d="M9.5 3H13v3.5M13 3 7.5 8.5M11.5 9.5v3h-8v-8h3"/>',
    "health": '<path d="M2 8.5h3l2-5 2.5 9 2-4H14"/>',
    "help": '<circle cx="8" cy="8" r="5.5"/>'
    '<path d="M6.4 6.6a1.6 1.6 0 1 1 2.3 1.5c-.5.2-.7.5-.7 1.1M8 11.2v.1"/>',
    "key": '<circle cx="5.5" cy="10.5" r="2.5"/><path d="m7.3 8.7 5.2-5.2M10.5 5.5l2 2"/>',
    "lock": '<rect x="3.5" y="7" width="9" height="6.5" rx="1.2"/><path d="M5.5 7V5a2.5 2.5 0 0 1 5 0v2"/>',
    "logs": '<path d="M2.5 4h11M2.5 8h7M2.5 12h9"/>',
    "menu": '<path d="M2.5 4.5h11M2.5 8h11M2.5 11.5h11"/>',
    "metrics": '<path d="M2.5 13.5v-4M6.2 13.5v-7M9.8 13.5V8M13.5 13.5v-11"/>',
    "moon": '<path d="M13 9.6A5.4 5.4 0 0 1 6.4 3a5.5 5.5 0 1 0 6.6 6.6z"/>',
    "monitors": '<path d="M8 13.5a5.5 5.5 0 1 1 5.5-5.5"/><path d="M8 8l3-3M8 10.5A2.5 2.5 0 1 1 10.5 8"/>',
    "more": '<path d="M3.5 8h.01M8 8h.01M12.5 8h.01" stroke-width="2.2"/>',
    "people": '<circle cx="6" cy="5.5" r="2.3"/><path d="M2 13a4 4 0 0 1 8 0"/>'
    '<path d="M10.2 3.4a2.3 2.3 0 0 1 0 4.2M11.6 9.6A4 4 0 0 1 14 13"/>',
    "plus": '<path d="M8 3v10M3 8h10"/>',
    "replay": '<path d="M3 8a5 5 0 1 0 1.6-3.7L3 5.8"/><path d="M3 2.8v3h3"/>',
    "search": '<circle cx="7" cy="7" r="4.2"/><path d="m10.2 10.2 3.3 3.3"/>',
    "services": '<rect x="2.5" y="3" width="11" height="4" rx="1"/>'
    '<rect x="2.5" y="9" width="11" height="4" rx="1"/>'
    '<path d="M5 5h.01M5 11h.01" stroke-width="2"/>',
    "settings": '<path d="M2.5 5h6M12.5 5h1M2.5 11h1M7.5 11h6"/><circle cx="10.5" cy="5" r="1.7"/>'
    '<circle cx="5.5" cy="11" r="1.7"/>',
    "storage": '<ellipse cx="8" cy="4" rx="5" ry="1.8"/>'
    '<path d="M3 4v8c0 1 2.2 1.8 5 1.8s5-.8 5-1.8V4M3 8c0 1 2.2 1.8 5 1.8s5-.8 5-1.8"/>',
    "sun": '<circle cx="8" cy="8" r="2.7"/>'
    '<path d="M8 1.8v1.4M8 12.8v1.4M1.8 8h1.4M12.8 8h1.4M3.6 3.6l1 1M11.4 11.4l1 1'
    'M3.6 12.4l1-1M11.4 4.6l1-1"/>',
    "usage": '<path d="M2.5 11.5a5.5 5.5 0 0 1 11 0"/><path d="m8 11.5 2.6-3.4"/>',
    "user": '<circle cx="8" cy="5.5" r="2.7"/><path d="M3 13.5a5 5 0 0 1 10 0"/>',
    "webhook": '<circle cx="8" cy="4.5" r="2"/><circle cx="4" cy="11.5" r="2"/>'
    '<circle cx="12" cy="11.5" r="2"/><path d="M7 6.2 5 9.8M9 6.2l2 3.6M6 11.5h4"/>',
    "warn": '<path d="M8 2.8 14 13H2z"/><path d="M8 6.8v2.7M8 11.3v.1"/>',
}
