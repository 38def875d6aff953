"""Fixed point: the integer arithmetic, the model kinds that use it, and the model file. Knows no CAN and no coffee."""
