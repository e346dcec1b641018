"""Apitally's clients 0.x: their hub's addresses. 1.x speaks OTLP, see monitor.otlp."""
