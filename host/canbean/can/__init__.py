"""CAN data: the columnar table, log formats, a simulated vehicle, injected attacks."""
