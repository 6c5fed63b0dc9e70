# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
# Sets on which books and vignettes of survival rest: tied months of lung, heart, mgus2, bladder: golden.json.

source(file.path(dirname(sub("--file=", "", grep("--file=", commandArgs(), value = TRUE))), "common.R"))
suppressMessages(library(cmprsk))

WHY <- "closed forms, or iterations carried to the optimum"
EPS <- "control=coxph.control(eps=1e-13, iter.max=50)"

cox <- function(id, data, formula, more = "", change = "") {
  call <- sprintf("coxph(%s, data=d, %s%s)", formula, more, EPS)
  d <- data_of(data)
  eval(parse(text = change))
  f <- fit(call)
  robust <- !is.null(f$naive.var)
  expect <- list(coef = I(unname(coef(f))), se_naive = I(sqrt(diag(as.matrix(if (robust) f$naive.var else f$var)))),
                 loglik_null = f$loglik[1], loglik = f$loglik[2], n = f$n, n_event = f$nevent)
  if (robust) expect$se_robust <- I(sqrt(diag(as.matrix(f$var))))
  if (!grepl("strata|start|exact", call)) {
    base <- suppressWarnings(survfit(f))
    expect$hazard_at_means <- I(base$cumhaz[base$n.event > 0])
  }
  case_of(id, data, trimws(paste(change, call)), expect, 1e-10, WHY)
}

months <- 'd <- na.omit(d[c("time", "event", "age", "sex", "ph_ecog", "inst")]); d$m <- ceiling(d$time / 60);'
lung <- function(id, more) {
  cox(paste0("golden.lung_months.", id), "lung.csv", "Surv(m, event) ~ age + sex + ph_ecog", more, months)
}

heart <- function(ties) {
  cox(paste0("golden.heart.", ties), "heart.csv", "Surv(start, stop, event) ~ age + year + surgery + transplant",
      sprintf('ties="%s", ', ties))
}

heart_classic <- function(ties) {
  cox(paste0("golden.heart_classic.", ties), "heart.csv", "Surv(start, stop, event) ~ age + surgery + transplant",
      sprintf('ties="%s", ', ties))
}

recurrent <- function(ties) {
  x <- "~ rx + size + number"
  s <- sprintf('ties="%s", ', ties)
  list(
    cox(paste0("golden.bladder.ag.", ties), "bladder2.csv", paste("Surv(start, stop, event)", x), s),
    cox(paste0("golden.bladder.lwyy.", ties), "bladder2.csv", paste("Surv(start, stop, event)", x),
        paste0(s, "cluster=id, ")),
    cox(paste0("golden.bladder.pwp_tt.", ties), "bladder2.csv", paste("Surv(start, stop, event)", x, "+ strata(enum)"),
        paste0(s, "cluster=id, ")),
    cox(paste0("golden.bladder.pwp_gt.", ties), "bladder2.csv", paste("Surv(stop - start, event)", x, "+ strata(enum)"),
        paste0(s, "cluster=id, ")),
    cox(paste0("golden.bladder.wlw.", ties), "bladder.csv", paste("Surv(stop, event)", x, "+ strata(enum)"),
        paste0(s, "cluster=id, "))
  )
}

mgus_data <- paste("d$etime <- ifelse(d$pstat == 1, d$ptime, d$futime);",
                   "d$cause <- ifelse(d$pstat == 1, 1, 2 * d$death);")

mgus_curve <- function() {
  call <- 'survfit(Surv(etime, factor(cause, 0:2, c("censor", "pcm", "death"))) ~ 1, data=d)'
  d <- data_of("mgus2.csv")
  eval(parse(text = mgus_data))
  s <- summary(eval(parse(text = call)), times = c(60, 120, 240))
  case_of("golden.mgus2.aalen_johansen", "mgus2.csv", paste(mgus_data, call),
          list(time = I(s$time), pcm = I(s$pstate[, 2]), death = I(s$pstate[, 3]),
               pcm_se = I(s$std.err[, 2]), death_se = I(s$std.err[, 3])), 1e-10, "closed form")
}

mgus_gray <- function() {
  call <- "cmprsk::cuminc(etime, cause, group=male, cencode=0)$Tests"
  d <- data_of("mgus2.csv")
  eval(parse(text = mgus_data))
  t <- with(d, cuminc(etime, cause, group = male, cencode = 0))$Tests
  case_of("golden.mgus2.gray", "mgus2.csv", paste(mgus_data, call),
          list(cause = I(c(1, 2)), statistic = I(unname(t[, "stat"])), p = I(unname(t[, "pv"]))), 1e-9, "closed form",
          paste0("cmprsk ", packageVersion("cmprsk"), "; R ", getRversion()))
}

mgus_fine_gray <- function() {
  call <- "cmprsk::crr(etime, cause, cbind(age, male), failcode=1, cencode=0, gtol=1e-12, maxiter=50)"
  d <- data_of("mgus2.csv")
  eval(parse(text = mgus_data))
  f <- with(d, crr(etime, cause, cbind(age, male), failcode = 1, cencode = 0, gtol = 1e-12, maxiter = 50))
  case_of("golden.mgus2.fine_gray", "mgus2.csv", paste(mgus_data, call),
          list(coef = I(unname(f$coef)), se = I(sqrt(diag(f$var))), loglik = f$loglik), 1e-9, WHY,
          paste0("cmprsk ", packageVersion("cmprsk"), "; R ", getRversion()))
}

cases <- c(
  list(lung("efron", 'ties="efron", '), lung("breslow", 'ties="breslow", '), lung("exact", 'ties="exact", '),
       lung("efron_cluster", 'ties="efron", cluster=inst, '), lung("breslow_cluster", 'ties="breslow", cluster=inst, ')),
  lapply(c("efron", "breslow", "exact"), heart), lapply(c("efron", "breslow", "exact"), heart_classic),
  recurrent("efron"), recurrent("breslow"),
  list(mgus_curve(), mgus_gray(), mgus_fine_gray())
)
cases_to(cases, "golden.json")
