"""Folders of recordings, searched by many processes on this machine or on a Dask cluster.

run.py               the whole run: lists recordings, has the remaining ones searched and writes the results
listing.py           lists the recordings of a folder
recording_times.py   finds out when a recording began
hearing.py           what a worker does with a recording: detect its events
workers.py           local processes and Dask clusters, driven by one loop; only cluster.py needs `distributed`
journal.py           one line for each finished recording, so that an interrupted run can be continued
tables.py            writes the events and summaries per recording and per hour
tracks.py            writes label tracks and chooses events for a person to check
activity.py          counts events per hour and draws them
detect.py            events of a few recordings, in this process
"""
