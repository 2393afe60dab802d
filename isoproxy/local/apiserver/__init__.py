"""An API server in the process, that the real client and kubectl talk to.

`server.ApiServer` is the whole; `core.Core` is all of it without HTTP, time and chance, for simulations. From the
outside in: `web/` (HTTP), `core` (the verbs), `writes`, `reads` and `watch`, then `kinds/` (what is served), `schema/`
(what objects may hold), `patches/`, and `store` and `history` (what there is and was).

It is not a cluster: nothing is persisted, authenticated or authorised, no controller but the garbage collector runs,
and pods are scheduled and run by whoever watches them.
"""
