//! Fixed limits on what a process holds, and which of them are crossed. Pure.

use std::fmt;

use crate::closed_set::closed_set;

const MIB: u64 = 1 << 20;

closed_set! {
    /// A limit that can be crossed.
    pub enum Threshold {
        /// Growth since the baseline.
        Growth => "growth",
        /// Memory outside the heap.
        External => "external",
        /// Resident memory relative to the heap.
        ResidentToHeap => "resident_to_heap",
        /// Resident memory.
        Resident => "resident",
        /// Growth in time.
        GrowthRate => "growth_rate",
        /// Growth of the number of tasks, goroutines or threads since the baseline.
        Tasks => "tasks",
        /// Share of the time that waits for memory or collects it.
        Pressure => "pressure",
        /// Share of the heap that lies idle.
        IdleHeap => "idle_heap",
    }
}

/// What is known about a process; what is unknown is `None` and crosses nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Figures {
    /// Resident memory, bytes.
    pub resident_bytes: Option<u64>,
    /// Heap in use, bytes.
    pub heap_bytes: Option<u64>,
    /// Memory outside the heap, bytes.
    pub external_bytes: Option<u64>,
    /// Growth since the baseline: 0.2 is a fifth more.
    pub growth_ratio: Option<f64>,
    /// Growth in time, bytes per second.
    pub growth_bytes_per_second: Option<f64>,
    /// Growth of the number of tasks since its baseline: 0.5 is half as many more.
    pub task_growth_ratio: Option<f64>,
    /// Time that waits for memory or collects it, 0 to 1.
    pub pressure_ratio: Option<f64>,
    /// Idle part of the heap, 0 to 1.
    pub idle_heap_ratio: Option<f64>,
}

/// The limits. A figure crosses one when it is above it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Thresholds {
    /// Growth since the baseline: 0.2 is a fifth more.
    pub growth_ratio: f64,
    /// Memory outside the heap, bytes.
    pub external_bytes: u64,
    /// Resident memory divided by the heap, where more than [`Self::external_bytes`] lies between.
    pub resident_to_heap_ratio: f64,
    /// Resident memory, bytes.
    pub resident_bytes: u64,
    /// Growth in time, bytes per second.
    pub growth_bytes_per_second: f64,
    /// Growth of the number of tasks: 0.5 is half as many more.
    pub task_growth_ratio: f64,
    /// Time that waits for memory or collects it, 0 to 1.
    pub pressure_ratio: f64,
    /// Idle part of the heap, 0 to 1.
    pub idle_heap_ratio: f64,
}

impl Default for Thresholds {
    /// +20 %, 80 MiB outside the heap, 1.5 times the heap, 200 MiB, 5 MiB a minute, +50 % tasks,
    /// 5 % pressure, 50 % idle heap.
    fn default() -> Self {
        Self {
            growth_ratio: 0.20,
            external_bytes: 80 * MIB,
            resident_to_heap_ratio: 1.5,
            resident_bytes: 200 * MIB,
            growth_bytes_per_second: (5 * MIB) as f64 / 60.0,
            task_growth_ratio: 0.50,
            pressure_ratio: 0.05,
            idle_heap_ratio: 0.50,
        }
    }
}

/// A limit that is crossed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Crossing {
    /// Which.
    pub threshold: Threshold,
    /// The figure, in the unit of its field in [`Figures`].
    pub value: f64,
    /// The limit, in the same unit.
    pub limit: f64,
}

impl fmt::Display for Crossing {
    /// What is above which limit, in words.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (value, limit) = (self.value, self.limit);
        let mib = |bytes: f64| bytes / MIB as f64;
        match self.threshold {
            Threshold::Growth => write!(
                f,
                "memory has grown by {:.0} % since the baseline, limit {:.0} %",
                value * 100.0,
                limit * 100.0
            ),
            Threshold::External => write!(
                f,
                "{:.1} MiB lie outside the heap, limit {:.1} MiB",
                mib(value),
                mib(limit)
            ),
            Threshold::ResidentToHeap => {
                write!(f, "memory is {value:.1} times the heap, limit {limit:.1}")
            }
            Threshold::Resident => write!(
                f,
                "{:.1} MiB are in RAM, limit {:.1} MiB",
                mib(value),
                mib(limit)
            ),
            Threshold::GrowthRate => write!(
                f,
                "memory grows by {:.1} MiB a minute, limit {:.1} MiB",
                mib(value) * 60.0,
                mib(limit) * 60.0
            ),
            Threshold::Tasks => write!(
                f,
                "tasks or threads are {:.0} % more than at the baseline, limit {:.0} %",
                value * 100.0,
                limit * 100.0
            ),
            Threshold::Pressure => write!(
                f,
                "{:.1} % of the time goes into waiting for memory or collecting it, limit {:.1} %",
                value * 100.0,
                limit * 100.0
            ),
            Threshold::IdleHeap => write!(
                f,
                "{:.0} % of the heap lie idle, limit {:.0} %",
                value * 100.0,
                limit * 100.0
            ),
        }
    }
}

/// The limits that these figures cross, in the order of [`Threshold::ALL`]. No hysteresis: who
/// raises an alarm keeps its own.
pub fn crossed(figures: &Figures, thresholds: &Thresholds) -> Vec<Crossing> {
    let pair = |threshold| match threshold {
        Threshold::Growth => (figures.growth_ratio, thresholds.growth_ratio),
        Threshold::External => (
            bytes(figures.external_bytes),
            thresholds.external_bytes as f64,
        ),
        Threshold::ResidentToHeap => (
            resident_to_heap(figures, thresholds.external_bytes),
            thresholds.resident_to_heap_ratio,
        ),
        Threshold::Resident => (
            bytes(figures.resident_bytes),
            thresholds.resident_bytes as f64,
        ),
        Threshold::GrowthRate => (
            figures.growth_bytes_per_second,
            thresholds.growth_bytes_per_second,
        ),
        Threshold::Tasks => (figures.task_growth_ratio, thresholds.task_growth_ratio),
        Threshold::Pressure => (figures.pressure_ratio, thresholds.pressure_ratio),
        Threshold::IdleHeap => (figures.idle_heap_ratio, thresholds.idle_heap_ratio),
    };
    let crossing = |&threshold: &Threshold| {
        let (value, limit) = pair(threshold);
        value.filter(|value| *value > limit).map(|value| Crossing {
            threshold,
            value,
            limit,
        })
    };
    Threshold::ALL.iter().filter_map(crossing).collect()
}

fn bytes(figure: Option<u64>) -> Option<f64> {
    figure.map(|bytes| bytes as f64)
}

/// An empty heap has no ratio, and beside a small one code alone is several times as large: it
/// counts where more than `least` lies outside.
fn resident_to_heap(figures: &Figures, least: u64) -> Option<f64> {
    let heap = figures.heap_bytes.filter(|heap| *heap > 0)?;
    let resident = figures.resident_bytes?;
    (resident.saturating_sub(heap) > least).then_some(resident as f64 / heap as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn below() -> Figures {
        Figures {
            resident_bytes: Some(200 * MIB),
            heap_bytes: Some(150 * MIB),
            external_bytes: Some(80 * MIB),
            growth_ratio: Some(0.20),
            growth_bytes_per_second: Some((5 * MIB) as f64 / 60.0),
            task_growth_ratio: Some(0.50),
            pressure_ratio: Some(0.05),
            idle_heap_ratio: Some(0.50),
        }
    }

    /// Each figure a little above its limit crosses that one alone; at its limit, none.
    #[test]
    fn each_figure_crosses_its_own_limit() {
        type Raise = fn(&mut Figures);
        let table: [(Threshold, Raise); Threshold::COUNT] = [
            (Threshold::Growth, |f| f.growth_ratio = Some(0.21)),
            (Threshold::External, |f| {
                f.external_bytes = Some(80 * MIB + 1);
            }),
            (Threshold::ResidentToHeap, |f| {
                f.heap_bytes = Some(119 * MIB);
            }),
            (Threshold::Resident, |f| {
                f.resident_bytes = Some(200 * MIB + 1);
            }),
            (Threshold::GrowthRate, |f| {
                f.growth_bytes_per_second = Some(87_382.0);
            }),
            (Threshold::Tasks, |f| f.task_growth_ratio = Some(0.51)),
            (Threshold::Pressure, |f| f.pressure_ratio = Some(0.051)),
            (Threshold::IdleHeap, |f| f.idle_heap_ratio = Some(0.51)),
        ];
        assert_eq!(crossed(&below(), &Thresholds::default()), []);
        for (threshold, raise) in table {
            let mut figures = below();
            raise(&mut figures);
            let crossed = crossed(&figures, &Thresholds::default());
            let names: Vec<_> = crossed.iter().map(|one| one.threshold).collect();
            assert_eq!(names, [threshold]);
            assert!(crossed[0].value > crossed[0].limit);
        }
    }

    /// A small program is mostly code: five times its heap is nothing to worry about.
    #[test]
    fn a_small_heap_has_much_beside_it() {
        let small = Figures {
            resident_bytes: Some(45 * MIB),
            heap_bytes: Some(9 * MIB),
            ..Figures::default()
        };
        assert_eq!(crossed(&small, &Thresholds::default()), []);
    }

    /// A process that is not told about crosses nothing, and so does one without a heap.
    #[test]
    fn what_is_unknown_crosses_nothing() {
        let nothing = Thresholds {
            growth_ratio: -1.0,
            external_bytes: 0,
            resident_to_heap_ratio: 0.0,
            resident_bytes: 0,
            growth_bytes_per_second: -1.0,
            task_growth_ratio: -1.0,
            pressure_ratio: -1.0,
            idle_heap_ratio: -1.0,
        };
        assert_eq!(crossed(&Figures::default(), &nothing), []);
        let empty = Figures {
            resident_bytes: Some(1),
            heap_bytes: Some(0),
            ..Figures::default()
        };
        let crossed = crossed(&empty, &nothing);
        assert_eq!(crossed.len(), 1);
        assert_eq!(crossed[0].threshold, Threshold::Resident);
    }
}
