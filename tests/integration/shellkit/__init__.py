"""What the integration tests of the shell share: a real redis-server, a simulator on a real socket, a trader in this process or in one of its own."""
