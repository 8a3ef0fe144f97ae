"""The steps from a log to a world: prepare, fit, calibrate, place the items, decide when users leave, assemble."""
