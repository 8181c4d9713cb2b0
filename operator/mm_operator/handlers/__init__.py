"""Registration only: what comes in from outside (watch events, webhook, probes) is turned into "look now" or into a latch. No logic lives here."""
