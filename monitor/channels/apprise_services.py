"""The services that are reached through Apprise, and what their addresses may not say."""

# Apprise's modules by scheme, and what people call them. Each was read: it calls by `requests` alone, and
# opens no file that its URL could name. Left out are those of this machine (syslog, dbus), of other protocols
# (irc, mqtt, xmpp, mail), generic ones (json, xml, form: the webhook kind does that, signed), and those whose
# URL names a file (workflows, fcm, vapid).
SERVICES = {
    ("gchat",): ("google_chat", "NotifyGoogleChat", "Google Chat"),
    ("gotify", "gotifys"): ("gotify", "NotifyGotify", "Gotify"),
    ("line",): ("line", "NotifyLine", "LINE"),
    ("mailgun",): ("mailgun", "NotifyMailgun", "Mailgun"),
    ("mmost", "mmosts"): ("mattermost", "NotifyMattermost", "Mattermost"),
    ("ntfy", "ntfys"): ("ntfy", "NotifyNtfy", "ntfy"),
    ("pagertree",): ("pagertree", "NotifyPagerTree", "PagerTree"),
    ("pbul",): ("pushbullet", "NotifyPushBullet", "Pushbullet"),
    ("pover",): ("pushover", "NotifyPushover", "Pushover"),
    ("resend",): ("resend", "NotifyResend", "Resend"),
    ("rocket", "rockets"): ("rocketchat", "NotifyRocketChat", "Rocket.Chat"),
    ("sendgrid",): ("sendgrid", "NotifySendGrid", "SendGrid"),
    ("signal", "signals"): ("signal_api", "NotifySignalAPI", "Signal"),
    ("splunk", "victorops"): ("splunk", "NotifySplunk", "Splunk On-Call"),
    ("squadcast",): ("squadcast", "NotifySquadcast", "Squadcast"),
    ("twilio",): ("twilio", "NotifyTwilio", "Twilio"),
    ("webex", "wxteams"): ("webexteams", "NotifyWebexTeams", "Webex"),
    ("wecombot",): ("wecombot", "NotifyWeComBot", "WeCom"),
    ("zulip",): ("zulip", "NotifyZulip", "Zulip"),
}
PLUGINS = {
    scheme: (module, plugin) for schemes, (module, plugin, _) in SERVICES.items() for scheme in schemes
}
SCHEMES = {scheme: words for schemes, (*_, words) in SERVICES.items() for scheme in schemes}
# What an address may set beside the service's own options: files, other addresses and our own limits not.
REFUSED_PARAMETERS = frozenset(
    {"attach", "avatar_url", "cto", "cxt", "redirect", "rto", "store", "template", "verify"}
)


def scheme_of(url: str) -> str:
    return url.partition("://")[0].strip().lower()
