# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
# What R says of 2,000 cohorts of 50 made by our generator: operating_characteristics.json.
# Rscript operating_characteristics.R COHORTS.csv, where
# python tests/numerics/test_operating_characteristics.py --cohorts COHORTS.csv wrote the cohorts.

source(file.path(dirname(sub("--file=", "", grep("--file=", commandArgs(), value = TRUE))), "common.R"))

at <- 480
truth <- exp(-at / 1000)
one <- function(d) {
  k <- summary(survfit(Surv(time, event) ~ 1, data = d[d$arm == 1, ], conf.type = "log-log"), times = at, extend = TRUE)
  if (max(d$time[d$arm == 1]) < at && k$surv > 0) k$surv <- k$std.err <- k$lower <- k$upper <- NA
  f <- suppressWarnings(coxph(Surv(time, event) ~ arm, data = d, control = coxph.control(eps = 1e-13, iter.max = 60)))
  c(k$surv, if (k$surv %in% 0) NA else k$std.err, k$lower <= truth && truth <= k$upper,
    survdiff(Surv(time, event) ~ arm, data = d)$chisq > qchisq(0.95, 1),
    coef(f), sqrt(vcov(f)), abs(coef(f)) <= qnorm(0.975) * sqrt(vcov(f)))
}

rows <- read.csv(commandArgs(trailingOnly = TRUE)[1])
found <- t(sapply(split(rows, rows$replicate), one))
total <- colSums(found, na.rm = TRUE)
writeLines(toJSON(list(
  package = PACKAGE, replicates = nrow(found),
  kaplan_meier = list(covers = total[[3]], estimates = total[[1]], errors = total[[2]]),
  log_rank = list(rejects = total[[4]]),
  cox = list(covers = total[[7]], estimates = total[[5]], errors = total[[6]])
), auto_unbox = TRUE, digits = I(17), pretty = TRUE), file.path(folder, "operating_characteristics.json"))
