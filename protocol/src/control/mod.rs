//! tmux control mode, tmux(1) section CONTROL MODE.
