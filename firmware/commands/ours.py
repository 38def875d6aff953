# Whether an application uses a setting. What is left of another one stays, and waits for that one; safe mode knows of all.

# of a roast meter, which finds what is wrong with them when it applies them
METER = ("calibration", "swap", "led", "baud", "stream")


def ours(app, name):
    if app == "safe" or name == "slot" or name == "refused":
        return True
    return name not in METER if app == "gateway" else app == "roastmeter" and name in METER
