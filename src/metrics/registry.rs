//! Checked registration and encoding.

use std::{collections::BTreeMap, fmt, sync::Arc};

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, MetricEncoder},
    metrics::{MetricType, exemplar::Exemplar},
};

use super::{Family, HistogramSnapshot, InvalidFamily, Kind};

/// A module that can be scraped.
pub trait Expose: fmt::Debug + Send + Sync + 'static {
    /// Every family this module can ever expose.
    fn families(&self) -> &'static [&'static Family];

    /// Writes the families with their current values. Called for each scrape, from
    /// several threads at once; must not block for long.
    ///
    /// # Errors
    /// Only those of the writer.
    fn expose(&self, out: &mut Exposition<'_>) -> fmt::Result;
}

/// The set of all exposed families.
#[derive(Debug, Default)]
pub struct Registry {
    inner: prometheus_client::registry::Registry,
    families: BTreeMap<&'static str, &'static Family>,
}

/// Why a module cannot be registered: a fault of the program.
#[derive(Debug, thiserror::Error)]
pub enum RegistrationError {
    /// Two modules, or one module twice, claim the same name.
    #[error("the metric {0} is registered twice")]
    Duplicate(&'static str),
    /// The family itself is malformed.
    #[error("the metric {0}: {1}")]
    Invalid(&'static str, InvalidFamily),
}

impl Registry {
    /// Adds a module's families.
    ///
    /// # Errors
    /// [`RegistrationError`] when a family is malformed or its name is taken; nothing is
    /// registered then.
    pub fn register(&mut self, module: Arc<dyn Expose>) -> Result<(), RegistrationError> {
        let mut families = self.families.clone();
        for family in module.families() {
            family
                .check()
                .map_err(|fault| RegistrationError::Invalid(family.name, fault))?;
            if families.insert(family.name, family).is_some() {
                return Err(RegistrationError::Duplicate(family.name));
            }
        }
        self.families = families;
        self.inner.register_collector(Box::new(Adapter(module)));
        Ok(())
    }

    /// Every registered family, by name.
    pub fn families(&self) -> impl Iterator<Item = &'static Family> {
        self.families.values().copied()
    }

    /// The whole exposition as `OpenMetrics` 1.0 text, `# EOF` included.
    ///
    /// # Errors
    /// When a module fails to write itself.
    pub fn encode_openmetrics(&self) -> Result<String, fmt::Error> {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.inner)?;
        Ok(text)
    }
}

#[derive(Debug)]
struct Adapter(Arc<dyn Expose>);

impl Collector for Adapter {
    fn encode(&self, encoder: DescriptorEncoder) -> fmt::Result {
        self.0.expose(&mut Exposition {
            encoder,
            allowed: self.0.families(),
        })
    }
}

/// The exposition being written for one scrape.
pub struct Exposition<'a> {
    encoder: DescriptorEncoder<'a>,
    allowed: &'static [&'static Family],
}

impl Exposition<'_> {
    /// Writes one family: its metadata, then the series that `write` adds.
    ///
    /// # Errors
    /// Those of the writer, and a family the module did not declare: it would escape
    /// the checks made at registration.
    pub fn family(
        &mut self,
        family: &'static Family,
        write: impl FnOnce(&mut Series<'_>) -> fmt::Result,
    ) -> fmt::Result {
        if !self.allowed.contains(&family) {
            return Err(fmt::Error);
        }
        let kind = match family.kind {
            Kind::Counter => MetricType::Counter,
            Kind::Gauge => MetricType::Gauge,
            Kind::Histogram => MetricType::Histogram,
        };
        let metric = self
            .encoder
            .encode_descriptor(family.base_name(), family.help, None, kind)?;
        write(&mut Series { metric, family })
    }
}

/// A sample's value.
#[derive(Clone, Copy, Debug)]
pub enum Value {
    /// A whole number.
    Integer(u64),
    /// Any other number.
    Float(f64),
}

impl From<u64> for Value {
    fn from(value: u64) -> Self {
        Self::Integer(value)
    }
}

impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Self::Float(value)
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Integer(u64::from(value))
    }
}

/// The series of one family.
pub struct Series<'a> {
    metric: MetricEncoder<'a>,
    family: &'static Family,
}

type NoExemplar = Exemplar<Vec<(String, String)>, f64>;

impl Series<'_> {
    /// Adds one sample of a counter or gauge. `values` are the label values in the order
    /// of the family's label names.
    ///
    /// # Errors
    /// Those of the writer, and a wrong number of label values.
    pub fn sample(&mut self, values: &[&str], value: impl Into<Value>) -> fmt::Result {
        let value = value.into();
        let counter = self.family.kind == Kind::Counter;
        self.with_labels(values, |metric| match (counter, value) {
            (true, Value::Integer(n)) => metric.encode_counter(&n, None::<&NoExemplar>),
            (true, Value::Float(x)) => metric.encode_counter(&x, None::<&NoExemplar>),
            (false, Value::Integer(n)) => metric.encode_gauge(&n),
            (false, Value::Float(x)) => metric.encode_gauge(&x),
        })
    }

    /// Adds one histogram.
    ///
    /// # Errors
    /// As [`Self::sample`].
    pub fn histogram(&mut self, values: &[&str], seen: &HistogramSnapshot) -> fmt::Result {
        self.with_labels(values, |metric| {
            metric.encode_histogram::<Vec<(String, String)>>(
                seen.sum,
                seen.count,
                &seen.buckets,
                None,
            )
        })
    }

    fn with_labels(
        &mut self,
        values: &[&str],
        encode: impl FnOnce(&mut MetricEncoder<'_>) -> fmt::Result,
    ) -> fmt::Result {
        if values.len() != self.family.labels.len() {
            return Err(fmt::Error);
        }
        if values.is_empty() {
            return encode(&mut self.metric);
        }
        // On the stack: a scrape of a thousand sources has a hundred thousand of these.
        let mut labels = [("", ""); Family::MAX_LABELS];
        for ((label, name), value) in labels.iter_mut().zip(self.family.labels).zip(values) {
            *label = (name, value);
        }
        let labels = &labels[..values.len()];
        encode(&mut self.metric.encode_family(&labels)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static GOOD: Family = Family::gauge("good", "Help", &["source"]);
    static STRANGE: Family = Family::gauge("strange", "Help", &["source"]);
    static BROKEN: Family = Family::counter("broken", "Help", &[]);
    static DECLARES_GOOD: [&Family; 1] = [&GOOD];
    static DECLARES_BROKEN: [&Family; 1] = [&BROKEN];

    #[derive(Debug)]
    struct Module {
        declares: &'static [&'static Family],
        writes: &'static Family,
    }

    impl Expose for Module {
        fn families(&self) -> &'static [&'static Family] {
            self.declares
        }

        fn expose(&self, out: &mut Exposition<'_>) -> fmt::Result {
            out.family(self.writes, |series| series.sample(&["a\"\\\n"], 1.5))
        }
    }

    #[test]
    fn a_name_is_registered_once_and_only_if_sound() {
        let module = || {
            Arc::new(Module {
                declares: &DECLARES_GOOD,
                writes: &GOOD,
            })
        };
        let mut registry = Registry::default();
        registry.register(module()).unwrap();
        assert!(matches!(
            registry.register(module()),
            Err(RegistrationError::Duplicate("good"))
        ));
        let broken = Arc::new(Module {
            declares: &DECLARES_BROKEN,
            writes: &BROKEN,
        });
        assert!(matches!(
            registry.register(broken),
            Err(RegistrationError::Invalid("broken", _))
        ));
    }

    #[test]
    fn label_values_are_escaped() {
        let mut registry = Registry::default();
        registry
            .register(Arc::new(Module {
                declares: &DECLARES_GOOD,
                writes: &GOOD,
            }))
            .unwrap();
        let text = registry.encode_openmetrics().unwrap();
        assert!(
            text.contains("good{source=\"a\\\"\\\\\\n\"} 1.5\n"),
            "{text}"
        );
        assert!(text.ends_with("# EOF\n"));
    }

    #[test]
    fn an_undeclared_family_cannot_slip_past_the_checks() {
        let mut registry = Registry::default();
        registry
            .register(Arc::new(Module {
                declares: &DECLARES_GOOD,
                writes: &STRANGE,
            }))
            .unwrap();
        assert!(registry.encode_openmetrics().is_err());
    }
}
