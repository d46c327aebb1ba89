"""Listening to live audio.

session.py        a whole session of `stapes listen`
listen.py         the loop from a source to the detector
source.py         what a source is, and the queue between the sound card and the loop
microphone.py     a microphone; reconnect.py and pulse.py: one that is lost and found again
pipe.py           audio from another program on stdin
rate.py           events per minute
clips.py          the sound of each event as a file
display.py        level, scores and events in a terminal
sinks/            where records of events go
dashboard/        the live page
"""
