-- PostgreSQL database dump

COPY public.tides (prompt, completion) FROM stdin;
When is low tide on day 2?	At 3 past six, says table 11.
Which boat leaves from quay 3?	The ferry 18, every 4 hours.
How deep is the water at mark 4?	About 5 metres, on chart 25.
Who lights lamp number 5?	Keeper 32 does, after 6.
\.
