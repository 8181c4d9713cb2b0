"""The shell round the kernel: everything that waits, talks, remembers or listens. The kernel decides; nothing here does."""
