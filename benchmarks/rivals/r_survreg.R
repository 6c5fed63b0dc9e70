# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
# survreg on the rows of benchmarks/families.py: Rscript r_survreg.R rows.csv covariates; a line a family: name, wall, cpu, loglik.
suppressMessages(library(survival))
given <- commandArgs(TRUE)
d <- read.csv(given[1])
formula <- if (given[2] == "none") Surv(t, e) ~ 1 else Surv(t, e) ~ age + sex + arm
names <- c(exp = "exponential", weibull = "weibull", lnorm = "lognormal", llogis = "loglogistic")
for (name in names(names)) {
  took <- system.time(fit <- survreg(formula, data = d, dist = names[[name]]))
  cat(sprintf("%s,%.4f,%.4f,%.8f\n", name, took[["elapsed"]], took[["user.self"]] + took[["sys.self"]], fit$loglik[2]))
}
cat(sprintf("version,0,0,%s\n", packageVersion("survival")))
