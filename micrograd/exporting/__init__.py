"""Compiled functions as code that runs without micrograd.

`export`: what runs without micrograd. The array operations of `explain` as expressions that can
be run (`lowering`, of sums of products: `terms`, on `operands`, which are `leaves` or were made
before, with places as slices: `picking`), for any number of samples if two traces agree
(`samples`); their gradient in matrix form (`differentiated`: what is on the way, `activity`; what
named arrays gain, `array_adjoints`) and the optimiser's rule (`update`) from the op table;
`loops/` finds turns of recurrences in a recording (`turns`), cuts it there (`plan`, `pieces`,
`moving`, `cutting`), finds the arrays of each piece (`formulas`, `reading`) and lowers a turn by
itself (`rolled`); it runs forwards (`forward`) and back (`adjoints`, `sharing`). Python text
(`code`, `dialect`, `emitting`, `module`); a target a module, in the table of `export`. What is
written has agreed with eager (`agreement`). `c/` writes nests and sequences as C: what they touch
(`touched`), arrays with names (`arrays`, `labels`), statements (`loops`), rows (`rows`), the file
and the header (`source`, `interface`); compiled and called by `library`.
"""
