"""The plate detector `anju-plate-det`: scenes composed for it, the network, how it is trained and written as ONNX."""
