# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
# Survival from interval-censored data by survfit (Turnbull's self-consistency): turnbull.json.

source(file.path(dirname(sub("--file=", "", grep("--file=", commandArgs(), value = TRUE))), "common.R"))

WHY <- "survfit stops its EM algorithm when a step is below 5e-5"
call <- 'survfit(Surv(left, right, type="interval2") ~ arm, data=d)'
d <- data_of("sim_intervals.csv")
f <- eval(parse(text = call))
times <- c(20, 60, 100, 150, 200, 250, 300, 350)
s <- summary(f, times = times, extend = TRUE)
arms <- split(s$surv, s$strata)
cases_to(list(case_of("turnbull.sim_intervals", "sim_intervals.csv", call,
                      list(time = times, survival = lapply(arms, I)), 0.0015, WHY)), "turnbull.json")
