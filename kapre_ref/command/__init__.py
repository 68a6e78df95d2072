"""The `kapre-ref` command. Of the library, only `kapre_ref.job` imports this package.

- `start`: where the command begins
- `cli`: the command line
- `collection`: what is said while a job runs, and the exit status
- `options`: the options of Kapre's features, and the front end that they make
- `asked`: what is asked for, as it is stored beside results and read back
- `front_ends`: front ends by name or from a file, and their list
- `parsing`: command lines that cannot be understood
- `config`: options from files
- `dry_run`: what there is to do
- `results`: what the command wrote
- `statistics`: mean and deviation of each band over many results
- `search`: recordings in folders
- `decoders`: sound files opened by soundfile and by ffmpeg
- `recordings`: sound files in chunks
- `late_steps`: the steps of a front end that wait for the last frame
- `recording_features`: the features of one recording
- `feature_files`: how the features of a recording are written
- `plot`, `canvas`: the picture beside an output
- `terminal`: printed lines, the progress bar, warnings, interruption
- `self_check`: `kapre-ref check`, every operation and named front end against its reference
- `front_end_errors`: the distance between a front end's result and its reference's
"""
