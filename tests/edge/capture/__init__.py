"""Capture: real RTSP, real faults."""
