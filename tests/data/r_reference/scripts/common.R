# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
# What the scripts share: data as the tests read them, fits carried to the optimum, cases in one form.

suppressMessages({library(survival); library(jsonlite)})
options(digits = 17, stringsAsFactors = FALSE)

# At 1e-13 the fit is at the optimum; at 1e-15 R takes rounding for a lost likelihood and halves its last steps.
# (It also warns that its test of singularity, 1.8e-12, is then coarser than eps: that test plays no part here.)
fit <- function(call) suppressWarnings(eval(parse(text = call), parent.frame()))

PACKAGE <- paste0("survival ", packageVersion("survival"), "; R ", getRversion())

folder <- normalizePath(file.path(dirname(sub("--file=", "", grep("--file=", commandArgs(), value = TRUE))), ".."))
data_of <- function(name) {
  at <- file.path(folder, c("", "../r_cardata"), name)
  read.csv(at[file.exists(at)][1])
}

rows_of <- function(m) lapply(seq_len(nrow(m)), function(i) I(unname(m[i, ])))

case_of <- function(id, data, call, expect, rel, why, package = PACKAGE) {
  list(case = id, data = data, call = call, package = package, expect = expect,
       tolerance = list(rel = rel, abs = 0, why = why))
}

cases_to <- function(cases, name) {
  text <- toJSON(list(cases = unname(cases)), auto_unbox = TRUE, digits = I(17), na = "null", null = "null")
  text <- gsub('\\},\\{"case"', '},\n{"case"', text)  # one case a line
  writeLines(text, file.path(folder, name))
}
