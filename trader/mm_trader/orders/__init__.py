"""Orders from intent to their one end: state machine, table, manager, reconciler, and the step from desired quotes to commands."""
