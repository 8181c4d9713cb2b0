"""Event recording: everything the kernel was told, so that a bug seen live is repeated on a desk. `mm-trader replay` is the other half."""
