"""The deterministic simulation: one trader's shell and kernel, the simulator's engine and a model of Redis on one virtual clock, with seeded faults."""
