"""Where pictures come from: RTSP cameras, decoded as little as possible, never waiting for whoever looks at them."""
