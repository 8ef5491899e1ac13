"""The control plane's HTTP door: it wires the slices' routes, and has few of its own."""
