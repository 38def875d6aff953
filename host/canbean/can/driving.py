"""A simulated drive: the physical signals of a car that somebody drives, on a grid of 10 ms. Simulated, not recorded.

A driver follows target speeds of city, highway and stop phases with limited acceleration; gear and engine speed follow the
speed, wheel speeds and yaw rate follow speed and steering, temperatures follow with a first-order lag.
"""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Series = NDArray[np.float64]

STEP_S = 0.01
WHEELBASE_M, TRACK_M, STEERING_RATIO, TYRE_M = 2.65, 1.55, 15.0, 0.315
GEARS = np.array([4.2, 2.5, 1.6, 1.15, 0.85, 0.67]) * 3.4
"""Ratio of each gear with the final drive."""
IDLE_RPM = 780.0


def physical(seconds: float, seed: int) -> dict[str, Series]:
    """Every signal of the vehicle over a simulated drive: name to float64 (n,), n samples 10 ms apart.

    The same seed gives the same drive.
    """
    rng = np.random.default_rng([0xCA2, seed])
    n = round(seconds / STEP_S) + 101
    target, limit = _targets(n, rng)
    speed_ms, wanted = _follow(target, limit)
    slow = _noise(rng, n, 20.0)
    signals = _powertrain(speed_ms, wanted, rng)
    signals |= _chassis(speed_ms, wanted, rng)
    signals |= _heat(signals, rng)
    signals |= _body(signals, rng)
    signals["BatteryVoltage"] = 14.1 + 0.12 * slow - 0.15 * signals["CompressorOn"]
    signals["BatteryCurrent"] = 6 + 8 * slow - 5 * signals["CompressorOn"]
    return signals


def _noise(rng: np.random.Generator, n: int, tau_s: float) -> Series:
    """Slow noise of about unit size with the correlation time `tau_s`."""
    keep = np.exp(-STEP_S / tau_s)
    return _filtered(rng.standard_normal(n) * np.sqrt(1 - keep**2), keep, 1.0)


def _lag(x: Series, tau_s: float, start: float) -> Series:
    """First-order lag of `x`, from `start` on."""
    keep = np.exp(-STEP_S / tau_s)
    return _filtered(x, keep, 1 - keep, start)


def _filtered(x: Series, keep: float, gain: float, start: float = 0.0) -> Series:
    """y[n] = keep * y[n-1] + gain * x[n] with y[-1] = start."""
    return np.fromiter(accumulate((gain * x).tolist(), lambda y, v: keep * y + v, initial=start), float)[1:]


def _targets(n: int, rng: np.random.Generator) -> tuple[Series, Series]:
    """Target speed in m/s and the acceleration the driver takes in m/s2, phase by phase."""
    target, limit = np.zeros(n), np.full(n, 1.8)
    at = int(rng.uniform(2, 5) / STEP_S)
    highway_left = 0
    while at < n:
        kind = "highway" if highway_left else rng.choice(["city", "city", "stop", "highway"])
        if kind == "highway":
            highway_left = highway_left - 1 if highway_left else int(rng.integers(1, 4))
            speed, length = rng.uniform(85, 125), rng.uniform(15, 40)
        elif kind == "city":
            speed, length = rng.uniform(25, 58), rng.uniform(8, 25)
        else:
            speed, length = 0.0, rng.uniform(9, 20)
        end = min(n, at + int(length / STEP_S))
        target[at:end], limit[at:end] = speed / 3.6, rng.uniform(1.2, 2.4)
        at = end
    return target, limit


def _follow(target: Series, limit: Series) -> tuple[Series, Series]:
    """Speed in m/s and acceleration in m/s2 of a driver who follows the targets."""
    speed, acceleration = np.empty(len(target)), np.empty(len(target))
    v = a = 0.0
    for k, (goal, most) in enumerate(zip(target.tolist(), limit.tolist(), strict=True)):
        wish = min(max(0.6 * (goal - v), -1.3 * most), most * (1 - v / 60))
        a += min(max(wish - a, -0.05), 0.05)
        v += a * STEP_S
        if v <= 0.05 and goal == 0:
            v, a = 0.0, max(a, 0.0) if goal else 0.0
        v = max(v, 0.0)
        speed[k], acceleration[k] = v, a
    return speed, acceleration


def _powertrain(speed: Series, acceleration: Series, rng: np.random.Generator) -> dict[str, Series]:
    """Engine, gearbox, pedals and fuel."""
    n = len(speed)
    hill = 0.25 * _noise(rng, n, 30.0)
    force = np.where(
        speed > 0.3, acceleration + hill + 0.12 + 0.00045 * speed**2, np.maximum(acceleration, 0)
    )
    pedal = np.clip(_lag(np.maximum(force, 0) * 22, 0.15, 0), 0, 100)
    wheel_rpm = speed / (2 * np.pi * TYRE_M) * 60
    gear = _gears(wheel_rpm, pedal)
    turbine = wheel_rpm * GEARS[gear - 1]
    slip = 250 * np.exp(-turbine / 900) * (pedal > 3) * np.minimum(pedal / 20, 1)
    rpm = _lag(np.maximum(IDLE_RPM, turbine) + slip, 0.12, IDLE_RPM) + 4 * _noise(rng, n, 0.05)
    torque = np.clip(force * 1500 * TYRE_M / GEARS[gear - 1], -60, 380)
    shifted = np.concatenate([[False], np.diff(gear) != 0])
    since = np.arange(n) - np.maximum.accumulate(np.where(shifted, np.arange(n), -1000))
    fuel_rate = np.clip(0.7 + rpm * np.maximum(torque, 0) / 42000, 0.6, 38)
    used_l = np.cumsum(fuel_rate) * STEP_S / 3600
    distance_km = np.cumsum(speed) * STEP_S / 1000
    return {
        "VehicleSpeed": speed * 3.6,
        "EngineSpeed": rpm,
        "Throttle": np.clip(4 + 0.85 * pedal, 0, 100),
        "EngineTorque": torque,
        "RequestedTorque": _lag(torque, 0.08, 0),
        "Gear": gear.astype(float),
        "NewGear": gear.astype(float),
        "ShiftCount": (np.cumsum(shifted) % 256).astype(float),
        "ShiftActive": (since < 30).astype(float),
        "LeverPosition": np.where(np.arange(n) * STEP_S < 1.0, 1.0, 4.0),
        "TurbineSpeed": turbine,
        "AcceleratorPedal": pedal,
        "ManifoldPressure": 32 + 0.9 * pedal + 0.4 * _noise(rng, n, 0.1),
        "FuelRate": fuel_rate,
        "IgnitionAngle": np.clip(8 + rpm / 180 - 0.12 * pedal, -10, 45),
        "LinePressure": 6 + 0.09 * pedal + 0.05 * _noise(rng, n, 0.3),
        "FuelLevel": np.maximum(62.0 - used_l / 0.5, 0),
        "Range": np.maximum(480 - 7 * used_l, 0),
        "Odometer": 48213.0 + distance_km,
        "TripDistance": 12.4 + distance_km,
    }


def _gears(wheel_rpm: Series, pedal: Series) -> NDArray[np.int64]:
    """Gears 1 to 6 with hysteresis; later shifts under more pedal."""
    gears = np.ones(len(wheel_rpm), np.int64)
    ratios = GEARS.tolist()
    gear, wait = 0, 0
    for k, (turning, pressed) in enumerate(zip(wheel_rpm.tolist(), pedal.tolist(), strict=True)):
        wait -= 1
        if wait < 0:
            engine = turning * ratios[gear]
            if engine > 2100 + 16 * pressed and gear < 5:
                gear, wait = gear + 1, 120
            elif engine < 1150 + 5 * pressed and gear:
                gear, wait = gear - 1, 80
        gears[k] = gear + 1
    return gears


def _chassis(speed: Series, acceleration: Series, rng: np.random.Generator) -> dict[str, Series]:
    """Steering, wheels, brakes and motion."""
    n = len(speed)
    wished = 3 * _noise(rng, n, 2.0) * np.minimum(speed / 5, 1)
    at = 0
    while at < n:  # corners, where the car is slow enough for them
        at += int(rng.uniform(6, 20) / STEP_S)
        if at < n and 1.0 < speed[at] < 10:
            wished[at : at + int(rng.uniform(2, 4) / STEP_S)] += rng.choice([-1, 1]) * rng.uniform(60, 200)
    angle = _lag(_lag(wished, 0.25, 0), 0.25, 0)
    rate = np.gradient(angle, STEP_S)
    yaw = speed / WHEELBASE_M * np.tan(np.radians(angle / STEERING_RATIO))
    side, front = yaw * TRACK_M / 2, 1 / np.cos(np.radians(angle / STEERING_RATIO))
    moving = speed > 0.2
    wheel = {
        f"Wheel{name}": np.where(moving, np.maximum(v, 0) * 3.6 + 0.03 * rng.standard_normal(n), 0).clip(0)
        for name, v in (
            ("FL", speed * front - side),
            ("FR", speed * front + side),
            ("RL", speed - side),
            ("RR", speed + side),
        )
    }
    braking = np.where(speed > 0.05, np.maximum(-acceleration - 0.35, 0) * 18, 12.0)
    pressure = np.maximum(_lag(braking, 0.06, 12.0) + 0.05 * _noise(rng, n, 0.05), 0)
    pressed = _lag(braking, 0.06, 12.0) > 1.0
    return {
        "SteeringAngle": angle,
        "SteeringRate": rate,
        "SteeringTorque": np.clip(0.02 * angle + 0.01 * rate, -18, 18),
        "MotorCurrent": np.clip(1 + 0.12 * np.abs(angle) + 0.04 * np.abs(rate), 0, 90),
        "YawRate": np.degrees(yaw) + 0.03 * rng.standard_normal(n),
        "LateralAcceleration": yaw * speed + 0.02 * rng.standard_normal(n),
        "LongitudinalAcceleration": acceleration + 0.02 * rng.standard_normal(n),
        "BrakePressure": pressure,
        "BrakeSwitch": pressed.astype(float),
        "BrakeLightRequest": pressed.astype(float),
        "VehicleMoving": moving.astype(float),
        "StabilityActive": (np.abs(yaw * speed) > 6.5).astype(float),
        "HoldActive": (~moving & pressed).astype(float),
        "BrakeTemperature": _lag(60 + 2 * pressure * speed, 60, 90),
        **wheel,
    }


def _heat(signals: dict[str, Series], rng: np.random.Generator) -> dict[str, Series]:
    """Temperatures and the climate system: first-order lags behind what heats and cools."""
    load, speed = signals["FuelRate"], signals["VehicleSpeed"]
    n = len(load)
    coolant = _lag(88 + 0.25 * _lag(load, 30, 3) + _noise(rng, n, 40.0), 120, rng.uniform(80, 88))
    compressor = (_noise(rng, n, 25.0) > -0.3).astype(float)
    return {
        "CoolantTemperature": coolant,
        "OilTemperature": _lag(coolant + 4 + 0.5 * load, 300, coolant[0] + 2),
        "IntakeTemperature": _lag(34 - 0.06 * speed, 45, 33),
        "GearboxTemperature": _lag(78 + 0.4 * load, 260, 77),
        "CabinTemperature": 21.5 + 0.4 * _noise(rng, n, 60.0),
        "CompressorOn": compressor,
        "CompressorPressure": _lag(7 + 6 * compressor, 4, 9),
        "EvaporatorTemperature": _lag(12 - 8 * compressor, 12, 7),
    }


def _body(signals: dict[str, Series], rng: np.random.Generator) -> dict[str, Series]:
    """What the driver switches, and what does not change."""
    speed, angle = signals["VehicleSpeed"], signals["SteeringAngle"]
    n = len(speed)
    turning = _lag((np.abs(angle) > 40).astype(float), 0.4, 0) > 0.3
    blink = (np.arange(n) * STEP_S / 0.7) % 1 < 0.5
    left, right = turning & blink & (angle > 0), turning & blink & (angle < 0)
    standing = speed < 0.5
    long_stop = _lag(standing.astype(float), 2.0, 0) > 0.93  # about 5 s
    opened = long_stop & (_noise(rng, n, 6.0) > 1.2)
    locked = (_lag(np.minimum(speed, 20.0), 1.0, 0) > 12) & ~long_stop
    constant = {
        "CrashStatus": 0, "BeltDriver": 1, "BeltPassenger": 1, "Ignition": 4, "Headlights": 1, "WiperSpeed": 0,
        "CruiseState": 0, "CruiseSetSpeed": 0, "SetTemperature": 21.5, "Blower": 3, "AmbientTemperature": 18.5,
        "Pressure": 100.5, "SeatHeating": 0, "MirrorFolded": 0, "AirbagVersion": 17, "BodyVersion": 42,
        "ClusterVersion": 33, "ClimateVersion": 8,
    }  # fmt: skip
    return {
        "IndicatorLeft": left.astype(float),
        "IndicatorRight": right.astype(float),
        "Indicators": left + 2.0 * right,
        "DoorsLocked": locked.astype(float),
        "DoorOpen": opened.astype(float),
        "Doors": locked + 2.0 * opened,
        "Light": np.clip(600 + 120 * _noise(rng, n, 8.0), 0, 1023),
        "DisplaySpeed": _lag(1.03 * speed, 0.3, 0),
        "DisplayEngineSpeed": _lag(signals["EngineSpeed"], 0.2, IDLE_RPM),
        **{f"TyrePressure{w}": 2.4 + 0.02 * _noise(rng, n, 90.0) for w in ("FL", "FR", "RL", "RR")},
        **{name: np.full(n, float(value)) for name, value in constant.items()},
    }
