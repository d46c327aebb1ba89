"""Folders of recordings, searched by many processes here or on a Dask cluster.

run.py       the run: what is left to do, who does it, what comes out
listing.py   which recordings there are
hearing.py   what a worker does with one of them
workers.py   local processes and a Dask cluster, driven by one loop; cluster.py is all that needs `distributed`
journal.py   what is done already: one line per recording, so that a killed run goes on where it was
tables.py    events, summaries per recording and per hour, tracks
"""
