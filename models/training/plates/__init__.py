"""The plate reader's training: plates drawn as GA 36-2018 lays them out, a bad camera, and a small network.

No picture of a real plate is used. Needs the `training` extra (torch); nothing outside this folder imports it.
"""
