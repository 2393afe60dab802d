"""The whole system under one clock and one seed, with every fault we can think of, and an oracle that sees everything.

The operators and proxies are the product's own, from their watches to their records. The API server is the embedded
one's core. What is simulated is what lies around them: processes and their clocks (`machine`), the network between them
and the API server (`link`, `api`, `watch`), nodes and the programs in the pods (`nodes`), and clients (`visitors`).
`script` draws from a seed what happens to them, `world` lets it happen, `oracle` judges, `run` replays and shrinks.
"""
