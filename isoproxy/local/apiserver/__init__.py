"""An API server in the process, that the real client and kubectl talk to.

`server.ApiServer` is the whole; `core.Core` is all of it without HTTP, time and chance, for simulations. From the
outside in: `web/` (HTTP), `core` (the verbs), `writes`, `deletes`, `reads` and `watch`, then `kinds/` (what is served),
`schema/` (what objects may hold), `patches/`, and `store` and `history` (what there is and was).

It answers as a real server does, and `test/contract` holds both to it. `docs/local.md` has the differences that people
may notice. What it is not, or does less of:

- a cluster: nothing is persisted, authenticated or authorised, no controller but the garbage collector runs, Services
  get no addresses, and pods are scheduled and run by whoever watches them;
- admission: built-in kinds are checked by their types and by the few rules that matter here, and quantities are kept as
  they were written; there are no webhooks, no policies, no conversion between the versions of a definition, and values
  that were invalid before a change are not tolerated after it;
- CEL: dates, durations and bytes are strings in rules, rules have no cost, and some types of functions are missing
  (`schema/rules.py`, `schema/celib.py`);
- server-side apply: fields are tracked from an object's first apply on (`patches/managers.py`);
- forms: JSON and YAML, and protobuf only where kubectl insists; duplicate fields are noticed when strict; a scale is no
  table; a watch does not begin with a streamed list.
"""
