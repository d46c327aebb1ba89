"""Listening to live audio.

session.py        a whole session of `stapes listen`
listen.py         the loop from a source to the detector
source.py         what a source is, and the queue between the sound card and the loop
microphone.py     a microphone
reconnect.py      a microphone that may be lost and come back
pulse.py          the source from which the sound server records
pipe.py           audio from another program on stdin
log.py            records of events, gaps and rates
rate.py           events per minute
clips.py          a file with the sound of each event
display.py        level, scores and events in a terminal
sinks/            where records of events go
dashboard/        the live page
"""
