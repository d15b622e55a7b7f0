//! The file in which alarms outlive the program.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::{
    NOWHERE, OK, config, down, id, notify, post,
    receiver::{Receiver, Way},
    support::{Exporter, Scratch},
};

fn saved(scratch: &Scratch) -> String {
    std::fs::read_to_string(scratch.path("state.json")).unwrap_or_default()
}

fn kill(exporter: &mut Exporter) {
    exporter.process.signal("KILL");
    exporter.process.wait(Duration::from_secs(10));
}

#[test]
fn killed_between_firing_and_delivery_it_delivers_the_same_alarm_afterwards() {
    let receiver = Receiver::start(Way::Hang);
    let scratch = Scratch::new();
    let notify = format!(
        "alarms: {{ state_file: state.json }}\n\
         notify: {{ webhooks: [ {{ url: \"{}\", timeout: 500ms }} ] }}\n",
        receiver.url()
    );
    let path = config(&scratch, NOWHERE, &notify);
    let mut exporter = Exporter::with_config(&path);
    let alarm = id(&down(&exporter));
    receiver.until("it is being told", |request| {
        request.ids() == [alarm.clone()]
    });
    kill(&mut exporter);
    receiver.set(OK);
    let text = saved(&scratch);
    assert!(text.contains(&alarm) && !text.contains("SECRET-PATH"));

    let again = Exporter::with_config(&path);
    assert_eq!(id(&down(&again)), alarm);
    let taken = receiver.until("it is delivered", |request| request.way == OK);
    assert_eq!(taken.ids(), std::slice::from_ref(&alarm));
    // Once taken it does not wait any more, also not for the next start.
    again.process.until("it is crossed off", || {
        let saved: Value = serde_json::from_str(&saved(&scratch)).unwrap();
        let mut targets = saved["targets"].as_object().unwrap().values();
        targets.all(|target| target["parcels"] == Value::Array(Vec::new()))
    });
    drop(again);
    let third = Exporter::with_config(&path);
    assert_eq!(id(&down(&third)), alarm);
    // Something of the third process's own proves that it has told what it had to.
    let (status, _) = post(&third, &format!("/api/v1/alarms/{alarm}/resolve"), "");
    assert_eq!(status, 200);
    receiver.until("it is told of the end", |request| {
        request.status() == "resolved"
    });
    assert_eq!(receiver.taken().len(), 2);
}

#[test]
fn of_two_on_one_state_file_the_second_keeps_its_hands_off() {
    let receiver = Receiver::start(OK);
    let scratch = Scratch::new();
    let notified = format!(
        "alarms: {{ state_file: state.json, keep_firing: 0s }}\n\
         notify: {{ webhooks: [ {{ url: \"{}\" }} ] }}\n",
        receiver.url()
    );
    let path = config(&scratch, NOWHERE, &notified);
    let first = Exporter::with_config(&path);
    let alarm = id(&down(&first));
    receiver.until("it is told", |request| request.ids() == [alarm.clone()]);
    first
        .process
        .until("it is saved", || saved(&scratch).contains(&alarm));

    let text = std::fs::read_to_string(&path).unwrap();
    let other = scratch.write("other.yaml", &text.replace("garden", "yard"));
    let second = Exporter::with_config(&other);
    let own = id(&down(&second));
    second.process.until("it says why", || {
        notify(&second).is_some_and(|text| text.contains("another process"))
    });
    receiver.until("its own alarm is told", |request| {
        request.ids() == [own.clone()]
    });
    let text = saved(&scratch);
    assert!(text.contains(&alarm) && !text.contains(&own));
    assert!(
        receiver
            .requests()
            .iter()
            .all(|request| request.status() == "firing")
    );
}

#[test]
fn what_is_acknowledged_is_on_the_disk_before_the_answer() {
    // A disk that takes longer holds up no answer.
    const AT_MOST: Duration = Duration::from_secs(2);
    let scratch = Scratch::new();
    let more = "alarms: { state_file: state.json }\n";
    let path = config(&scratch, NOWHERE, more);
    let mut kept = 0;
    for attempt in 0..10 {
        let mut exporter = Exporter::with_config(&path);
        let alarm = id(&down(&exporter));
        let at = format!("/api/v1/alarms/{alarm}/acknowledge");
        let asked = Instant::now();
        assert_eq!(post(&exporter, &at, "").0, 200);
        let hung = asked.elapsed() >= AT_MOST;
        kill(&mut exporter);
        if !hung {
            let saved: Value = serde_json::from_str(&saved(&scratch)).unwrap();
            let of_alarm = &saved["alarms"]["firing"][0]["status"];
            assert_eq!(of_alarm["id"], alarm.as_str(), "attempt {attempt}: {saved}");
            assert!(of_alarm["acknowledged"].is_object(), "attempt {attempt}");
            kept += 1;
        }
        if kept == 5 {
            return;
        }
        std::fs::remove_file(scratch.path("state.json")).unwrap();
    }
    panic!("the disk took too long in all but {kept}");
}
