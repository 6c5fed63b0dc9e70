# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
# Fine-Gray models carried to the optimum, both tie conventions, with late entry, copies and clusters: subdistribution.json.

source(file.path(dirname(sub("--file=", "", grep("--file=", commandArgs(), value = TRUE))), "common.R"))
suppressMessages(library(cmprsk))

WHY <- "iterations carried to the optimum"
CMPRSK <- paste0("cmprsk ", packageVersion("cmprsk"), "; R ", getRversion())

# The tests make the same columns: weights 1 to 3, an entry up to seven quarters before the end, forty clusters.
sim <- function() {
  d <- data_of("sim_competing.csv")
  i <- seq_len(nrow(d))
  d$id <- i
  d$copies <- 1 + i %% 3
  d$entry <- ifelse(i %% 3 == 0, pmax(0, d$ftime - 0.25 * (1 + i %% 7)), 0)
  d$cluster <- i %% 40
  d$event <- factor(d$fstatus, 0:2, c("censored", "one", "two"))
  d
}
copied <- function(d) { d <- d[rep(seq_len(nrow(d)), d$copies), ]; d$id <- seq_len(nrow(d)); d }

crr_case <- function(id, data, d, terms, of, groups = NULL) {
  f <- crr(d$ftime, d$fstatus, cov1 = as.matrix(d[, terms]), failcode = of, cencode = 0, gtol = 1e-14, maxiter = 100,
           cengroup = if (is.null(groups)) rep(1, nrow(d)) else d[[groups]])
  expect <- list(coef = I(unname(f$coef)), var = rows_of(f$var), var_model = rows_of(f$invinf), loglik = f$loglik)
  case_of(id, data, "crr(ftime, fstatus, cov1, failcode, gtol=1e-14, maxiter=100)", expect, 1e-9, WHY, CMPRSK)
}

weighted_case <- function(id, d, call, unit, ties) {
  w <- eval(parse(text = call))
  w$unit <- w[[unit]]
  f <- suppressWarnings(coxph(Surv(fgstart, fgstop, fgstatus) ~ arm + x, data = w, weights = fgwt, ties = ties,
                              cluster = unit, control = coxph.control(eps = 1e-13, iter.max = 50)))
  expect <- list(coef = I(unname(coef(f))), se = I(unname(sqrt(diag(f$var)))),
                 se_naive = I(unname(sqrt(diag(f$naive.var)))))
  case_of(id, "sim_competing.csv", paste(call, "then coxph(weights=fgwt,", ties, "cluster)"), expect, 1e-9, WHY)
}

d <- sim()
colon <- data_of("colon_cr.csv")
cases <- list(
  crr_case("crr.sim.1", "sim_competing.csv", d, c("arm", "x"), 1),
  crr_case("crr.sim.2", "sim_competing.csv", d, c("arm", "x"), 2),
  crr_case("crr.sim.copies", "sim_competing.csv", copied(d), c("arm", "x"), 1),
  crr_case("crr.sim.groups", "sim_competing.csv", d, c("arm", "x"), 1, "stage"),
  crr_case("crr.colon.1", "colon_cr.csv", colon, c("age", "sex", "node4"), 1)
)
plain <- 'finegray(Surv(ftime, event) ~ ., data=d, etype="one")'
late <- 'finegray(Surv(entry, ftime, event) ~ ., data=d, etype="one", id=id)'
for (ties in c("breslow", "efron")) {
  cases <- c(cases, list(
    weighted_case(paste0("finegray.plain.", ties), d, plain, "id", ties),
    weighted_case(paste0("finegray.cluster.", ties), d, plain, "cluster", ties),
    weighted_case(paste0("finegray.entry.", ties), d, late, "id", ties),
    weighted_case(paste0("finegray.entry_cluster.", ties), d, late, "cluster", ties),
    weighted_case(paste0("finegray.copies.", ties), copied(d), plain, "id", ties)
  ))
}
cases_to(cases, "subdistribution.json")
