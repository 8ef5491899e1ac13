"""Accelerators of this machine, by NVML; none where there is no driver."""

from typing import Final, NamedTuple

import pynvml  # type: ignore[import-untyped]

ANY_UNITS: Final = frozenset({"gpu", "accelerator"})


class Device(NamedTuple):
    """number is NVML's, which is CUDA's under CUDA_DEVICE_ORDER=PCI_BUS_ID."""

    number: int
    name: str


def find() -> list[Device]:
    """Return the devices that the driver lists, in its order."""
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return []
    try:
        count = pynvml.nvmlDeviceGetCount()
        return [Device(number, _name(number)) for number in range(count)]
    finally:
        pynvml.nvmlShutdown()


def of_unit(found: list[Device], unit: str) -> list[int]:
    """Return the devices that a pool's unit means: "h100" is every one with H100 in its name."""
    wanted = unit.replace("-", " ")
    return [
        device.number
        for device in found
        if unit in ANY_UNITS or wanted in device.name.lower().replace("-", " ").split("/")[0]
    ]


def device_files(numbers: list[int]) -> list[str]:
    """Return the device files that a sandbox must let through for these devices."""
    shared = ["/dev/nvidiactl", "/dev/nvidia-uvm", "/dev/nvidia-uvm-tools", "/dev/nvidia-modeset"]
    return [*(f"/dev/nvidia{number}" for number in numbers), *shared] if numbers else []


def _name(number: int) -> str:
    name = pynvml.nvmlDeviceGetName(pynvml.nvmlDeviceGetHandleByIndex(number))
    return name.decode() if isinstance(name, bytes) else str(name)
