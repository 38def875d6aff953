"""What the firmware's README calls the boards, and pins that nothing may hang on."""

# The boards in tables of the firmware's README.
HEADINGS = {"wemos-d1-mini": "Wemos D1 mini", "esp32-devkit": "ESP32 devkit", "pico": "Raspberry Pi Pico"}
# Pins that a chip reads at reset, that its flash or serial line needs, or that are not led out.
NEVER = {
    "wemos-d1-mini": {0, 1, 2, 3, *range(6, 12), 15, 16},
    "esp32-devkit": {0, 1, 2, 3, 5, *range(6, 12), 12, 15, 16, 17, 20, 24, 28, 29, 30, 31, *range(34, 40)},
    "pico": {0, 1, 23, 24, 25, *range(29, 100)},
}
