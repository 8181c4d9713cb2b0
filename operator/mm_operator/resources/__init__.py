"""Pure builders of the objects a trader is made of. No I/O: a value in, a dict out, the same for the same value."""
