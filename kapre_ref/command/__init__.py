"""The `kapre-ref` command. The library does not import this package.

- `cli`: the command line, and the work on one recording after the other
- `recordings`: sound files in blocks, and the features of one recording
- `feature_files`: where outputs go, and how they are written
- `plot`: the picture beside an output
- `terminal`: printed lines, the progress bar, warnings, interruption
- `self_check`: `kapre-ref check`, every operation against its reference
"""
