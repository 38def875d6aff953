"""The simulated vehicle as data: its control units, messages and signals. No real vehicle has this layout."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Ecu:
    """A simulated control unit: the error of its clock in ppm, and the jitter of its sending in microseconds (one sigma)."""

    name: str
    skew_ppm: float
    jitter_us: float


@dataclass(frozen=True, slots=True)
class Signal:
    """A signal, little endian: bits `start` to `start + length - 1`; the value is `raw * scale + offset` in `unit`."""

    name: str
    start: int
    length: int
    scale: float = 1.0
    offset: float = 0.0
    unit: str = ""
    signed: bool = False


@dataclass(frozen=True, slots=True)
class Message:
    """A message of one control unit.

    Attributes:
        id: 11-bit identifier.
        period_ms: time between two frames; 0 is a message that is sent when the signal `trigger` changes,
            three times with 20 ms between, and every 5 s besides.
        counter: first bit of the 4-bit counter, or None.
        checksum: `xor`, `sum` or `crc8` (SAE J1850) in the last byte over the bytes before it, or None.
    """

    id: int
    name: str
    ecu: str
    period_ms: int
    dlc: int
    signals: tuple[Signal, ...]
    counter: int | None = None
    checksum: str | None = None
    trigger: str = ""


ECUS = (
    Ecu("EMS", 62.0, 25.0),
    Ecu("TCM", -118.0, 40.0),
    Ecu("ESP", 31.0, 15.0),
    Ecu("SAS", 205.0, 30.0),
    Ecu("ACU", -47.0, 60.0),
    Ecu("BCM", 143.0, 150.0),
    Ecu("IPC", -231.0, 120.0),
    Ecu("HVAC", 96.0, 200.0),
)


def _wheel(name: str, start: int) -> Signal:
    return Signal(name, start, 15, 0.01, 0, "km/h")


MESSAGES = (
    Message(0x0A5, "Engine1", "EMS", 10, 8, (
        Signal("EngineSpeed", 0, 16, 0.25, 0, "rpm"), Signal("Throttle", 16, 8, 0.4, 0, "%"),
        Signal("EngineTorque", 24, 12, 0.5, -400, "Nm"),
    ), counter=52, checksum="crc8"),
    Message(0x0B1, "Wheels", "ESP", 10, 8, (
        _wheel("WheelFL", 0), _wheel("WheelFR", 15), _wheel("WheelRL", 30), _wheel("WheelRR", 45),
    ), counter=60),
    Message(0x0B6, "Brake1", "ESP", 10, 6, (
        Signal("BrakePressure", 0, 12, 0.1, 0, "bar"), Signal("BrakeSwitch", 12, 1),
        Signal("VehicleSpeed", 16, 16, 0.01, 0, "km/h"),
    ), counter=32, checksum="xor"),
    Message(0x0C1, "Steering1", "SAS", 10, 7, (
        Signal("SteeringAngle", 0, 16, 0.1, 0, "deg", signed=True),
        Signal("SteeringRate", 16, 12, 1, 0, "deg/s", signed=True),
    ), counter=28, checksum="sum"),
    Message(0x0D0, "Dynamics", "ESP", 10, 8, (
        Signal("YawRate", 0, 16, 0.01, 0, "deg/s", signed=True),
        Signal("LateralAcceleration", 16, 12, 0.01, 0, "m/s2", signed=True),
        Signal("LongitudinalAcceleration", 28, 12, 0.01, 0, "m/s2", signed=True),
    ), counter=40, checksum="crc8"),
    Message(0x0F0, "BrakeLight", "ESP", 0, 2, (Signal("BrakeLightRequest", 0, 1),), counter=4, trigger="BrakeSwitch"),
    Message(0x110, "Gearbox1", "TCM", 20, 6, (
        Signal("Gear", 0, 4), Signal("LeverPosition", 4, 4), Signal("TurbineSpeed", 8, 16, 0.25, 0, "rpm"),
    ), counter=24, checksum="xor"),
    Message(0x120, "Engine2", "EMS", 20, 8, (
        Signal("AcceleratorPedal", 0, 8, 0.4, 0, "%"), Signal("ManifoldPressure", 8, 10, 0.25, 0, "kPa"),
        Signal("FuelRate", 24, 12, 0.01, 0, "l/h"), Signal("IgnitionAngle", 40, 8, 0.5, -32, "deg"),
    ), counter=52, checksum="sum"),
    Message(0x130, "Airbag1", "ACU", 20, 4, (
        Signal("CrashStatus", 0, 8), Signal("BeltDriver", 8, 1), Signal("BeltPassenger", 9, 1),
    ), counter=16, checksum="xor"),
    Message(0x145, "Steering2", "SAS", 20, 5, (
        Signal("SteeringTorque", 0, 12, 0.01, 0, "Nm", signed=True), Signal("MotorCurrent", 16, 10, 0.1, 0, "A"),
    ), counter=28, checksum="crc8"),
    Message(0x155, "TorqueRequest", "TCM", 20, 4, (
        Signal("RequestedTorque", 0, 12, 0.5, -400, "Nm"), Signal("ShiftActive", 12, 1),
    ), counter=16),
    Message(0x170, "GearChange", "TCM", 0, 3, (Signal("NewGear", 0, 4), Signal("ShiftCount", 8, 8)), trigger="Gear"),
    Message(0x1A0, "BrakeStatus", "ESP", 50, 4, (
        Signal("VehicleMoving", 0, 1), Signal("StabilityActive", 1, 1), Signal("HoldActive", 2, 1),
        Signal("BrakeTemperature", 8, 12, 0.25, -40, "degC"),
    ), counter=20),
    Message(0x1B0, "Body1", "BCM", 50, 4, (
        Signal("Ignition", 0, 3), Signal("Headlights", 3, 2), Signal("WiperSpeed", 5, 2), Signal("Light", 8, 10, 1, 0, "lx"),
    )),
    Message(0x1C8, "Cluster1", "IPC", 50, 5, (
        Signal("DisplaySpeed", 0, 12, 0.1, 0, "km/h"), Signal("DisplayEngineSpeed", 12, 10, 10, 0, "rpm"),
    ), counter=24),
    Message(0x1D4, "Cruise", "EMS", 50, 3, (
        Signal("CruiseState", 0, 2), Signal("CruiseSetSpeed", 8, 8, 1, 0, "km/h"),
    ), counter=16),
    Message(0x210, "Temperatures", "EMS", 100, 6, (
        Signal("CoolantTemperature", 0, 8, 0.5, -40, "degC"), Signal("OilTemperature", 8, 8, 1, -40, "degC"),
        Signal("IntakeTemperature", 16, 8, 0.5, -40, "degC"),
    )),
    Message(0x218, "Battery", "BCM", 100, 4, (
        Signal("BatteryVoltage", 0, 10, 0.02, 0, "V"), Signal("BatteryCurrent", 16, 12, 0.1, 0, "A", signed=True),
    )),
    Message(0x225, "Gearbox2", "TCM", 100, 3, (
        Signal("GearboxTemperature", 0, 8, 1, -40, "degC"), Signal("LinePressure", 8, 10, 0.05, 0, "bar"),
    )),
    Message(0x230, "Climate1", "HVAC", 100, 5, (
        Signal("CabinTemperature", 0, 8, 0.25, 0, "degC"), Signal("SetTemperature", 8, 8, 0.5, 0, "degC"),
        Signal("Blower", 16, 4), Signal("CompressorOn", 20, 1),
    ), counter=24),
    Message(0x240, "Fuel", "IPC", 100, 4, (
        Signal("FuelLevel", 0, 10, 0.1, 0, "%"), Signal("Range", 16, 10, 1, 0, "km"),
    )),
    Message(0x250, "Tyres", "ESP", 100, 4, tuple(
        Signal(f"TyrePressure{w}", 8 * i, 8, 0.02, 0, "bar") for i, w in enumerate(("FL", "FR", "RL", "RR"))
    )),
    Message(0x2A0, "Ambient", "HVAC", 200, 2, (
        Signal("AmbientTemperature", 0, 8, 0.5, -40, "degC"), Signal("Pressure", 8, 8, 0.5, 0, "kPa"),
    )),
    Message(0x2B0, "Seat", "BCM", 200, 2, (Signal("SeatHeating", 0, 2), Signal("MirrorFolded", 2, 1))),
    Message(0x2F0, "Doors", "BCM", 0, 2, (Signal("DoorsLocked", 0, 1), Signal("DoorOpen", 1, 1)), trigger="Doors"),
    Message(0x305, "Indicators", "BCM", 0, 2, (
        Signal("IndicatorLeft", 0, 1), Signal("IndicatorRight", 1, 1),
    ), counter=8, trigger="Indicators"),
    Message(0x340, "Trip", "IPC", 500, 6, (
        Signal("Odometer", 0, 24, 0.1, 0, "km"), Signal("TripDistance", 24, 16, 0.1, 0, "km"),
    )),
    Message(0x350, "Climate2", "HVAC", 500, 4, (
        Signal("CompressorPressure", 0, 8, 0.1, 0, "bar"), Signal("EvaporatorTemperature", 8, 8, 0.25, -10, "degC"),
    )),
    Message(0x3F0, "AliveAirbag", "ACU", 1000, 2, (Signal("AirbagVersion", 0, 8),), counter=8),
    Message(0x400, "AliveBody", "BCM", 1000, 2, (Signal("BodyVersion", 0, 8),), counter=8),
    Message(0x410, "AliveCluster", "IPC", 1000, 2, (Signal("ClusterVersion", 0, 8),), counter=8),
    Message(0x420, "AliveClimate", "HVAC", 1000, 2, (Signal("ClimateVersion", 0, 8),), counter=8),
)  # fmt: skip
"""The messages, by identifier; together about 900 frames a second."""
