"""ONNX models: what they are, how to get them, and one thin runner per task."""

import os

# ONNX Runtime reads it when it is imported; without it, it gives this machine a number and reports to its maker.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
