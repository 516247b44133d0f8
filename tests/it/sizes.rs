//! Who holds the size of a pane: a person's tmux client, else the viewer whose person claimed it last.

use serde_json::json;

use crate::{
    lab::{Lab, until},
    outside::Human,
    viewer::Viewer,
};

/// A session whose program says its size when it changes.
fn sized(lab: &Lab) {
    lab.script(
        "one",
        "trap 'stty size' WINCH; printf 'ready\\r\\n'; while :; do sleep 0.05; done",
    );
    lab.shows("one", "^ready");
}

fn size_of(lab: &Lab) -> (u64, u64) {
    let size = &lab.session("one").expect("it is there")["size"];
    (
        size[0].as_u64().expect("a number"),
        size[1].as_u64().expect("a number"),
    )
}

#[track_caller]
fn becomes(lab: &Lab, size: (u64, u64)) {
    until(&format!("the size is {size:?}, not {:?}", size_of(lab)), || {
        size_of(lab) == size
    });
}

#[test]
fn twenty_viewers_of_all_sizes_who_look_come_back_and_leave_change_nothing() {
    let lab = Lab::new();
    sized(&lab);
    let mut all: Vec<Viewer> = (0..20)
        .map(|n| Viewer::of(&lab, &format!("one?viewer=v{n}")))
        .collect();
    for (n, viewer) in (0..).zip(&mut all) {
        viewer.says(&json!({"type": "size", "cols": 20 + 11 * n, "rows": 5 + 3 * n}));
    }
    // Behind what each has said, each is heard.
    for viewer in &mut all {
        viewer.says(&json!({"type": "nonsense"}));
        viewer.until("it is heard", |v| !v.errors.is_empty());
    }
    let places: Vec<String> = all.iter().map(Viewer::place).collect();
    drop(all);
    let mut all: Vec<Viewer> = (0..20)
        .zip(&places)
        .map(|(n, place)| Viewer::of(&lab, &format!("one?viewer=v{n}&{place}")))
        .collect();
    all[0].until("all are back", |v| v.viewers == 20);
    assert_eq!((all[0].size, size_of(&lab)), ((120, 40), (120, 40)));
    assert!(
        !lab.screen("one").contains(' '),
        "the program was never told of another size"
    );
    drop(all);
    assert_eq!(size_of(&lab), (120, 40));
}

#[test]
fn a_persons_act_claims_the_size_and_nothing_else_does() {
    let lab = Lab::new();
    sized(&lab);
    let mut a = Viewer::of(&lab, "one?viewer=a");
    let mut b = Viewer::of(&lab, "one?viewer=b");
    a.acts("open", (90, 30));
    a.until("it holds the size", |v| v.holds() && v.size == (90, 30));
    a.shows("30 90");
    b.until("the other is told", |v| {
        v.size == (90, 30) && v.holder["kind"] == "viewer" && !v.holds()
    });
    // A second one that opens only looks.
    b.acts("open", (50, 20));
    b.says(&json!({"type": "size", "cols": 51, "rows": 21}));
    b.says(&json!({"type": "nonsense"}));
    b.until("it is heard", |v| !v.errors.is_empty());
    assert_eq!(size_of(&lab), (90, 30));
    // Its first key takes it over, the button takes it back, and the window of the holder is followed.
    b.acts("type", (52, 22));
    b.until("it holds the size", |v| v.holds() && v.size == (52, 22));
    a.until("the first is told", |v| v.size == (52, 22) && !v.holds());
    a.acts("fit", (91, 31));
    a.until("it has it back", |v| v.holds() && v.size == (91, 31));
    a.says(&json!({"type": "size", "cols": 92, "rows": 32}));
    a.until("its window is followed", |v| v.size == (92, 32));
    b.until("the other is told, and is no holder", |v| {
        v.size == (92, 32) && !v.holds()
    });
    a.shows("32 92");
    assert_eq!(a.rows().join("\n").trim_end(), lab.screen("one"));
    // It leaves and comes back: nothing is resized, and it is the holder again.
    drop(a);
    b.until("nobody holds it", |v| v.holder.is_null());
    let mut a = Viewer::of(&lab, "one?viewer=a");
    a.until("it is the holder again", Viewer::holds);
    b.until("the other is told", |v| !v.holder.is_null());
    assert_eq!(size_of(&lab), (92, 32));
    // It leaves for good, and another opens.
    drop(a);
    b.until("nobody holds it", |v| v.holder.is_null());
    b.acts("open", (60, 25));
    b.until("it may have it", |v| v.holds() && v.size == (60, 25));
    let mut a = Viewer::of(&lab, "one?viewer=a");
    a.until("it is told who holds it", |v| v.holder["kind"] == "viewer");
    assert!(!a.holds());
}

#[test]
fn a_persons_tmux_client_wins_and_gives_the_size_back() {
    let lab = Lab::new();
    sized(&lab);
    let mut viewer = Viewer::of(&lab, "one?viewer=a");
    viewer.acts("open", (90, 30));
    viewer.until("it holds the size", |v| v.holds() && v.size == (90, 30));
    // The status line takes a row of his.
    let human = Human::sits_at(&lab, "one", (70, 21));
    viewer.until("the human has it", |v| {
        v.holder["kind"] == "tmux" && v.size == (70, 20)
    });
    for act in ["open", "type", "fit"] {
        viewer.acts(act, (100, 50));
    }
    viewer.until("only the button is told so", |v| !v.errors.is_empty());
    assert_eq!(viewer.errors[0]["code"], "size_held");
    assert_eq!((viewer.errors.len(), size_of(&lab)), (1, (70, 20)));
    drop(human);
    viewer.until("it holds it again, in the size of its window now", |v| {
        v.holds() && v.size == (100, 50)
    });
    becomes(&lab, (100, 50));
    drop(viewer);
    // Nobody is there to have it: whoever comes has his own size, and it stays when he leaves.
    let human = Human::sits_at(&lab, "one", (60, 19));
    becomes(&lab, (60, 18));
    drop(human);
    until("he has left", || lab.session("one").unwrap()["attached"] == 0);
    assert_eq!(size_of(&lab), (60, 18));
}

#[test]
fn what_a_viewer_leaves_behind_can_be_worked_in() {
    let lab = Lab::new();
    sized(&lab);
    let mut a = Viewer::of(&lab, "one?viewer=a");
    a.acts("fit", (2, 1));
    a.until("it has the smallest size", |v| v.holds() && v.size == (20, 5));
    drop(a);
    until("it has left", || lab.session("one").unwrap()["viewers"] == 0);
    assert_eq!(size_of(&lab), (20, 5));
    lab.llmux(["session", "restart", "one"]).ok();
    becomes(&lab, (120, 40));
}
