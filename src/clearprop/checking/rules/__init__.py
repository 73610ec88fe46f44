"""When a claimed gradient is right: tolerances, precision, the judging of an array, conduct."""
