"""ONNX models: what they are, how to get them, and one thin runner per task."""
