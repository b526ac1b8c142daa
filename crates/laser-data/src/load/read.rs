//! The usable problems of the files of one side.

use std::path::Path;

use super::Wanted;
use crate::filter::{Count, filter};
use crate::mapping::Mapper;
use crate::report::{FileReport, LoadReport};
use crate::rows::each_row;
use crate::settings::Source;
use crate::{DataError, Problem, Settings, Split};

/// Reads files by the settings.
pub(super) struct Loader<'a> {
    pub(super) settings: &'a Settings,
    pub(super) folder: &'a Path,
    pub(super) count: Count<'a>,
}

impl Loader<'_> {
    /// The problems of one side's files that can be used.
    pub(super) fn read(
        &self,
        split: Split,
        wanted: Wanted,
        report: &mut LoadReport,
    ) -> Result<Vec<Problem>, DataError> {
        let files = &mut report.files;
        let (sources, report) = match split {
            Split::Train => (&self.settings.train, &mut report.train),
            Split::Test => (&self.settings.test, &mut report.test),
        };
        let mut problems = Vec::new();
        for source in sources {
            let file = self.file(source, split, wanted, &mut problems)?;
            report.rows += file.rows;
            files.push(file);
        }
        let bound = self.settings.max_prompt_tokens;
        filter(problems, wanted, bound, self.count, report)
    }

    fn file(
        &self,
        source: &Source,
        split: Split,
        wanted: Wanted,
        problems: &mut Vec<Problem>,
    ) -> Result<FileReport, DataError> {
        let format = source.format.unwrap_or(self.settings.format);
        let columns = match source.format {
            Some(_) => source.columns.clone(),
            None => source.columns.or(&self.settings.columns),
        };
        let mapper = Mapper::new(format, &columns, wanted, &source.name, &source.path);
        let mut report = FileReport {
            file: source.path.clone(),
            split,
            format,
            rows: 0,
            without_answer: 0,
            without_response: 0,
            several_answers: 0,
        };
        let reads = |column: &str| mapper.reads(column);
        each_row(&source.path, self.folder, &reads, &mut |row| {
            let mapped = mapper.map(&row)?;
            report.rows += 1;
            report.several_answers += usize::from(mapped.several_answers);
            report.without_answer += usize::from(mapped.problem.answer.is_none());
            report.without_response += usize::from(mapped.problem.response.is_none());
            problems.push(mapped.problem);
            Ok(())
        })?;
        Ok(report)
    }
}
