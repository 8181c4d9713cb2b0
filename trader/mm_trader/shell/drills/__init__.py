"""Drills (requirement R36): what the trader is put through when the operator asks, on its own connections and orders."""
