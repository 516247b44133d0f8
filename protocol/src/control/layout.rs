//! Layout strings, such as `ce9e,200x49,0,0{100x49,0,0,1,99x49,101,0,2}`.
//!
//! A cell is `COLSxROWS,X,Y` followed by `,PANE`, or by its children in `{}` (side by side), `[]` (one above the
//! other) or `<>` (floating). The nesting says how the panes divide the window; their own cells already say where
//! they are, so only those are kept.

use nom::{
    IResult, Parser,
    character::complete::{char, hex_digit1, u16, u32},
    combinator::{not, opt, peek},
    sequence::{preceded, terminated},
};

use super::Size;
use crate::PaneId;

/// Where the panes of a window are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    /// The panes in tmux's order: left to right, top to bottom.
    pub panes: Vec<PaneGeometry>,
}

/// Where a pane is in its window, in cells; borders are outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PaneGeometry {
    /// The pane.
    pub pane: PaneId,
    /// Its width.
    pub cols: u16,
    /// Its height.
    pub rows: u16,
    /// Columns left of it.
    pub x: u16,
    /// Rows above it.
    pub y: u16,
}

/// Says that a text is not a layout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a tmux layout: trouble at byte {at}")]
pub struct BadLayout {
    /// The offset of the first byte that does not fit.
    pub at: usize,
}

impl Layout {
    /// Reads a layout string. The checksum is not verified: it guards against typing errors, and tmux does not type.
    ///
    /// # Errors
    /// If the text is not one whole layout. Any nesting depth is fine.
    pub fn parse(text: &[u8]) -> Result<Self, BadLayout> {
        let bad = |rest: &[u8]| BadLayout {
            at: text.len() - rest.len(),
        };
        let (mut rest, _) = checksum(text).map_err(|_| bad(text))?;
        let mut panes = Vec::new();
        let mut closers = Vec::new();
        loop {
            let (after, cell) = cell(rest).map_err(|_| bad(rest))?;
            rest = after;
            panes.extend(cell.leaf());
            if cell.pane.is_none()
                && let Some((closer, inside)) = opening(rest)
            {
                closers.push(closer);
                rest = inside;
                continue;
            }
            while let Some(outside) = closers.last().and_then(|c| rest.strip_prefix(&[*c])) {
                closers.pop();
                rest = outside;
            }
            match (rest, closers.is_empty()) {
                ([], true) => return Ok(Self { panes }),
                ([b',', next @ ..], false) => rest = next,
                _ => return Err(bad(rest)),
            }
        }
    }

    /// The window's size: the smallest that holds all panes.
    #[must_use]
    pub fn size(&self) -> Size {
        let far = |edge: fn(&PaneGeometry) -> u16| self.panes.iter().map(edge).max().unwrap_or(0);
        Size {
            cols: far(|p| p.x.saturating_add(p.cols)),
            rows: far(|p| p.y.saturating_add(p.rows)),
        }
    }
}

/// A cell as written; one without a pane has children.
struct Cell {
    cols: u16,
    rows: u16,
    x: u16,
    y: u16,
    pane: Option<u32>,
}

impl Cell {
    fn leaf(&self) -> Option<PaneGeometry> {
        let &Self {
            cols,
            rows,
            x,
            y,
            pane,
        } = self;
        pane.map(|id| PaneGeometry {
            pane: PaneId(id),
            cols,
            rows,
            x,
            y,
        })
    }
}

fn checksum(text: &[u8]) -> IResult<&[u8], &[u8]> {
    terminated(hex_digit1, char(',')).parse(text)
}

fn cell(text: &[u8]) -> IResult<&[u8], Cell> {
    // A number before an `x` is the width of the next cell, not the pane of this one.
    let pane = preceded(char(','), terminated(u32, peek(not(char('x')))));
    let (rest, (cols, _, rows, _, x, _, y, pane)) =
        (u16, char('x'), u16, char(','), u16, char(','), u16, opt(pane)).parse(text)?;
    Ok((
        rest,
        Cell {
            cols,
            rows,
            x,
            y,
            pane,
        },
    ))
}

/// Splits off an opening bracket; gives what closes it.
fn opening(text: &[u8]) -> Option<(u8, &[u8])> {
    let closer = match text.first()? {
        b'{' => b'}',
        b'[' => b']',
        b'<' => b'>',
        _ => return None,
    };
    Some((closer, &text[1..]))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ids(layout: &str) -> Result<Vec<u32>, BadLayout> {
        Layout::parse(layout.as_bytes()).map(|l| l.panes.iter().map(|p| p.pane.0).collect())
    }

    #[test]
    fn one_pane_fills_the_window() {
        let layout = Layout::parse(b"b29e,90x24,0,0,1").unwrap();
        assert_eq!(
            layout.panes,
            [PaneGeometry {
                pane: PaneId(1),
                cols: 90,
                rows: 24,
                x: 0,
                y: 0
            }]
        );
        assert_eq!(layout.size(), Size { cols: 90, rows: 24 });
    }

    #[test]
    fn nested_splits_give_every_pane_in_order() {
        let text = "ce9e,200x49,0,0{100x49,0,0,1,99x49,101,0[99x24,101,0,2,99x24,101,25{49x24,101,25,7,49x24,151,25,8}]}";
        assert_eq!(ids(text), Ok(vec![1, 2, 7, 8]));
        assert_eq!(
            Layout::parse(text.as_bytes()).unwrap().size(),
            Size { cols: 200, rows: 49 }
        );
    }

    #[test]
    fn a_width_is_not_taken_for_a_pane() {
        assert_eq!(ids("0,9x9,0,0{4x9,0,0,4x9,5,0,3}"), Ok(vec![3]));
    }

    #[test]
    fn a_broken_layout_says_where() {
        for (text, at) in [
            ("", 0),
            ("ce9e", 0),
            ("0,9x9,0", 2),
            ("0,9x9,0,0{4x4,0,0,1", 19),
            ("0,9x9,0,0,1}", 11),
        ] {
            assert_eq!(ids(text), Err(BadLayout { at }), "{text}");
        }
    }

    #[test]
    fn depth_costs_no_stack() {
        let deep = format!("0,{}9x9,0,0,1{}", "9x9,0,0{".repeat(100_000), "}".repeat(100_000));
        assert_eq!(ids(&deep), Ok(vec![1]));
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "[0-9a-fx,{}\\[\\]<>]{0,60}") {
            let _ = Layout::parse(text.as_bytes());
        }
    }
}
