"""A drawn estate on real streams: cast, script, clips, RTSP, and a report that checks Anju against the script."""
