"""Models from torch and to torch; torch is imported only when these are used.

`from_torch` (layers by name, others by `torch.fx`: `traced`), `to_torch`; both are checked
against torch before they return (`agreement`).
"""
