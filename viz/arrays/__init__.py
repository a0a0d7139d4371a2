"""The arrays found in a recording, as cards.

A tape as the compiler's passes read it (`step_arrays`, `tape_recording`, `array_names`,
`parameter_arrays`), and the cards of `layer_graph`: of a step or a Value (`step_layers`,
`parameter_cards`), of a compiled function (`array_cards`).
"""
