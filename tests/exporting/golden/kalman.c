/* net: the loss `negative_log_likelihood` and its gradient.
   Made by micrograd.export; C99, needs math.h alone, allocates nothing.
*/

#include "net.h"

#include <math.h>

static double log_row(double a)
{
    return a > 0.0 ? log(a) : a == 0.0 ? -HUGE_VAL : (double)NAN;
}

const double net_parameters[NET_PARAMETERS] = {-1.0, -2.0, 0.5};

double net_loss(const double *parameters, const double *ys)
{
    const double *const noise = parameters;
    double q1 = 0.0, q2 = 0.0, r_2 = 0.0, m0 = 0.0, a = 0.0, s_2 = 0.0, e = 0.0, k0 = 0.0;
    double k1 = 0.0, w_2 = 0.0, w_3 = 0.0, w_4 = 0.0, m1 = 0.0, c = 0.0, b = 0.0, m0_2 = 0.0;
    double a_2 = 0.0, b_2 = 0.0, s_3 = 0.0, e_2 = 0.0, k0_2 = 0.0, k1_2 = 0.0, w_5 = 0.0;
    double w_6 = 0.0, w_7 = 0.0, b_3 = 0.0, s_4 = 0.0, e_3 = 0.0, w_8 = 0.0, w_9 = 0.0;
    double w_10 = 0.0, ll = 0.0, w_11 = 0.0, w_12 = 0.0, w_13 = 0.0, w_14 = 0.0;
    static double w[3];
    static double ys_2[60];
    static double steps[728];

    /* w: map 3: term */
    for (int i = 0; i < 3; i++) {
        w[i] = noise[i];
    }

    /* ys_2: map 60: term */
    for (int i = 0; i < 60; i++) {
        ys_2[i] = ys[i];
    }

    w_13 = 0.0;
    w_14 = 0.0;

    q1 = exp(w[0]);
    q2 = exp(w[1]);
    r_2 = exp(w[2]);
    m0 = ys_2[0];
    a = 20.0 + q1;
    s_2 = a + r_2;
    e = ys_2[1] - m0;
    k0 = a / s_2;
    k1 = 10.0 / s_2;
    w_2 = log_row(s_2);
    w_3 = e * e;
    w_4 = w_3 / s_2;
    m1 = e * k1;
    steps[0] = 10.0 + q2 - 10.0 * k1;
    steps[1] = 10.0 - 10.0 * k0;
    steps[2] = m0 + m1 + e * k0;
    steps[3] = steps[0] + q1 + a - a * k0 + 2.0 * steps[1];
    steps[4] = steps[1] + steps[0];
    steps[5] = steps[3] + r_2;
    steps[6] = ys_2[2] - steps[2];
    steps[7] = steps[3] / steps[5];
    steps[8] = steps[4] / steps[5];
    steps[9] = log_row(steps[5]);
    steps[10] = steps[6] * steps[6];
    steps[11] = steps[10] / steps[5];
    steps[12] = m1 + steps[6] * steps[8];

    /* 55 steps, one after the other */
    for (int i = 0; i < 55; i++) {
        steps[13 * i + 13] = q2 + steps[13 * i] - steps[13 * i + 4] * steps[13 * i + 8];
        steps[13 * i + 14] = steps[13 * i + 4] - steps[13 * i + 4] * steps[13 * i + 7];
        steps[13 * i + 15] = steps[13 * i + 2] + steps[13 * i + 6] * steps[13 * i + 7] + steps[13 * i + 12];
        const double v1 = q1 + steps[13 * i + 3] - steps[13 * i + 3] * steps[13 * i + 7] + 2.0 * steps[13 * i + 14];
        steps[13 * i + 16] = v1 + steps[13 * i + 13];
        steps[13 * i + 17] = steps[13 * i + 14] + steps[13 * i + 13];
        steps[13 * i + 18] = r_2 + steps[13 * i + 16];
        steps[13 * i + 19] = ys_2[i + 3] - steps[13 * i + 15];
        steps[13 * i + 20] = steps[13 * i + 16] / steps[13 * i + 18];
        steps[13 * i + 21] = steps[13 * i + 17] / steps[13 * i + 18];
        steps[13 * i + 22] = log_row(steps[13 * i + 18]);
        steps[13 * i + 23] = steps[13 * i + 19] * steps[13 * i + 19];
        steps[13 * i + 24] = steps[13 * i + 23] / steps[13 * i + 18];
        steps[13 * i + 25] = steps[13 * i + 12] + steps[13 * i + 19] * steps[13 * i + 21];
        w_13 += steps[13 * i + 22];
        w_14 += steps[13 * i + 24];
    }

    c = steps[715] + q2 - steps[719] * steps[723];
    b = steps[719] - steps[719] * steps[722];
    m0_2 = steps[717] + steps[727] + steps[721] * steps[722];
    a_2 = c + q1 + steps[718] - steps[718] * steps[722] + 2.0 * b;
    b_2 = b + c;
    s_3 = a_2 + r_2;
    e_2 = ys_2[58] - m0_2;
    k0_2 = a_2 / s_3;
    k1_2 = b_2 / s_3;
    w_5 = log_row(s_3);
    w_6 = e_2 * e_2;
    w_7 = w_6 / s_3;
    b_3 = b_2 - b_2 * k0_2;
    s_4 = c + q2 + q1 + r_2 + a_2 - b_2 * k1_2 - a_2 * k0_2 + 2.0 * b_3;
    e_3 = -m0_2 - steps[727] + ys_2[59] - e_2 * k0_2 - e_2 * k1_2;
    w_8 = log_row(s_4);
    w_9 = e_3 * e_3;
    w_10 = w_9 / s_4;
    ll = w_13 + w_14 + w_2 + w_4 + steps[9] + steps[11] + w_5 + w_7 + w_8 + w_10;
    w_11 = ll / 60.0;
    w_12 = w_11;
    return w_12;
}

double net_gradient(const double *parameters, const double *ys, double *gradient)
{
    const double *const noise = parameters;
    double *const dnoise = gradient;
    double q1 = 0.0, q2 = 0.0, r_2 = 0.0, m0 = 0.0, a = 0.0, s_2 = 0.0, e = 0.0, k0 = 0.0;
    double k1 = 0.0, w_2 = 0.0, w_3 = 0.0, w_4 = 0.0, m1 = 0.0, c = 0.0, b = 0.0, m0_2 = 0.0;
    double a_2 = 0.0, b_2 = 0.0, s_3 = 0.0, e_2 = 0.0, k0_2 = 0.0, k1_2 = 0.0, w_5 = 0.0;
    double w_6 = 0.0, w_7 = 0.0, b_3 = 0.0, s_4 = 0.0, e_3 = 0.0, w_8 = 0.0, w_9 = 0.0;
    double w_10 = 0.0, ll = 0.0, w_11 = 0.0, w_12 = 0.0, w_13 = 0.0, w_14 = 0.0, w_15 = 0.0;
    double dll = 0.0, w_16 = 0.0, ds = 0.0, w_17 = 0.0, w_18 = 0.0, de = 0.0, w_19 = 0.0;
    double w_20 = 0.0, ds_2 = 0.0, db = 0.0, w_21 = 0.0, ds_3 = 0.0, w_22 = 0.0, w_23 = 0.0;
    double dk1 = 0.0, dk0 = 0.0, de_2 = 0.0, dk0_2 = 0.0, dk1_2 = 0.0, w_24 = 0.0;
    double dk0_3 = 0.0, dk1_3 = 0.0, w_25 = 0.0, ds_4 = 0.0, db_2 = 0.0, w_26 = 0.0;
    double w_27 = 0.0, dk1_4 = 0.0, dk0_4 = 0.0, ds_5 = 0.0, dk0_5 = 0.0, dk1_5 = 0.0;
    double w_28 = 0.0, dk0_6 = 0.0, dk1_6 = 0.0, w_29 = 0.0, ds_6 = 0.0, da = 0.0, dr = 0.0;
    double dq2 = 0.0, dq1 = 0.0, w_30 = 0.0, w_31 = 0.0, w_32 = 0.0, w_33 = 0.0, w_34 = 0.0;
    static double w[3];
    static double ys_2[60];
    static double steps[728];
    static double steps_2[1125];

    /* w: map 3: term */
    for (int i = 0; i < 3; i++) {
        w[i] = noise[i];
    }

    /* ys_2: map 60: term */
    for (int i = 0; i < 60; i++) {
        ys_2[i] = ys[i];
    }

    w_30 = 0.0;
    w_31 = 0.0;
    w_32 = 0.0;
    w_33 = 0.0;
    w_34 = 0.0;

    q1 = exp(w[0]);
    q2 = exp(w[1]);
    r_2 = exp(w[2]);
    m0 = ys_2[0];
    a = 20.0 + q1;
    s_2 = a + r_2;
    e = ys_2[1] - m0;
    k0 = a / s_2;
    k1 = 10.0 / s_2;
    w_2 = log_row(s_2);
    w_3 = e * e;
    w_4 = w_3 / s_2;
    m1 = e * k1;
    steps[0] = 10.0 + q2 - 10.0 * k1;
    steps[1] = 10.0 - 10.0 * k0;
    steps[2] = m0 + m1 + e * k0;
    steps[3] = steps[0] + q1 + a - a * k0 + 2.0 * steps[1];
    steps[4] = steps[1] + steps[0];
    steps[5] = steps[3] + r_2;
    steps[6] = ys_2[2] - steps[2];
    steps[7] = steps[3] / steps[5];
    steps[8] = steps[4] / steps[5];
    steps[9] = log_row(steps[5]);
    steps[10] = steps[6] * steps[6];
    steps[11] = steps[10] / steps[5];
    steps[12] = m1 + steps[6] * steps[8];

    /* 55 steps, one after the other */
    for (int i = 0; i < 55; i++) {
        steps[13 * i + 13] = q2 + steps[13 * i] - steps[13 * i + 4] * steps[13 * i + 8];
        steps[13 * i + 14] = steps[13 * i + 4] - steps[13 * i + 4] * steps[13 * i + 7];
        steps[13 * i + 15] = steps[13 * i + 2] + steps[13 * i + 6] * steps[13 * i + 7] + steps[13 * i + 12];
        const double v1 = q1 + steps[13 * i + 3] - steps[13 * i + 3] * steps[13 * i + 7] + 2.0 * steps[13 * i + 14];
        steps[13 * i + 16] = v1 + steps[13 * i + 13];
        steps[13 * i + 17] = steps[13 * i + 14] + steps[13 * i + 13];
        steps[13 * i + 18] = r_2 + steps[13 * i + 16];
        steps[13 * i + 19] = ys_2[i + 3] - steps[13 * i + 15];
        steps[13 * i + 20] = steps[13 * i + 16] / steps[13 * i + 18];
        steps[13 * i + 21] = steps[13 * i + 17] / steps[13 * i + 18];
        steps[13 * i + 22] = log_row(steps[13 * i + 18]);
        steps[13 * i + 23] = steps[13 * i + 19] * steps[13 * i + 19];
        steps[13 * i + 24] = steps[13 * i + 23] / steps[13 * i + 18];
        steps[13 * i + 25] = steps[13 * i + 12] + steps[13 * i + 19] * steps[13 * i + 21];
        w_30 += steps[13 * i + 22];
        w_31 += steps[13 * i + 24];
    }

    c = steps[715] + q2 - steps[719] * steps[723];
    b = steps[719] - steps[719] * steps[722];
    m0_2 = steps[717] + steps[727] + steps[721] * steps[722];
    a_2 = c + q1 + steps[718] - steps[718] * steps[722] + 2.0 * b;
    b_2 = b + c;
    s_3 = a_2 + r_2;
    e_2 = ys_2[58] - m0_2;
    k0_2 = a_2 / s_3;
    k1_2 = b_2 / s_3;
    w_5 = log_row(s_3);
    w_6 = e_2 * e_2;
    w_7 = w_6 / s_3;
    b_3 = b_2 - b_2 * k0_2;
    s_4 = c + q2 + q1 + r_2 + a_2 - b_2 * k1_2 - a_2 * k0_2 + 2.0 * b_3;
    e_3 = -m0_2 - steps[727] + ys_2[59] - e_2 * k0_2 - e_2 * k1_2;
    w_8 = log_row(s_4);
    w_9 = e_3 * e_3;
    w_10 = w_9 / s_4;
    ll = w_30 + w_31 + w_2 + w_4 + steps[9] + steps[11] + w_5 + w_7 + w_8 + w_10;
    w_11 = ll / 60.0;
    w_12 = w_11;
    w_13 = 1.0 + 0.0;
    w_14 = w_13;
    w_15 = 1.0 / 60.0;
    dll = w_14 * w_15;
    w_16 = dll;
    ds = 1.0 / s_4;
    w_17 = w_16 * ds;
    w_18 = dll;
    de = 2.0 * e_3 * w_17;
    w_19 = -w_16;
    w_20 = w_10 * ds;
    ds_2 = w_19 * w_20 + ds * w_18;
    db = 2.0 * ds_2;
    w_21 = dll;
    ds_3 = 1.0 / s_3;
    w_22 = w_21 * ds_3;
    w_23 = dll;
    dk1 = -b_2 * ds_2 - e_2 * de;
    dk0 = -b_2 * db - a_2 * ds_2 - e_2 * de;
    de_2 = 2.0 * e_2 * w_22 - k0_2 * de - k1_2 * de;
    dk0_2 = -dk0;
    dk1_2 = -dk1;
    w_24 = -w_21;
    dk0_3 = k0_2 * ds_3;
    dk1_3 = k1_2 * ds_3;
    w_25 = w_7 * ds_3;
    ds_4 = dk0_2 * dk0_3 + dk1_2 * dk1_3 + w_24 * w_25 + ds_3 * w_23;
    db_2 = db + ds_3 * dk1 - k0_2 * db - k1_2 * ds_2;
    steps_2[0] = ds_4 + ds_2 + ds_3 * dk0 - k0_2 * ds_2;
    steps_2[1] = -de_2 - de;
    steps_2[2] = db_2 + 2.0 * steps_2[0];
    steps_2[3] = steps_2[0] + db_2 + ds_2;
    steps_2[4] = steps_2[1] - de;

    /* 56 steps, one after the other */
    for (int i = 0; i < 56; i++) {
        steps_2[20 * i + 5] = dll;
        steps_2[20 * i + 6] = 1.0 / steps[-13 * i + 720];
        steps_2[20 * i + 7] = steps_2[20 * i + 5] * steps_2[20 * i + 6];
        steps_2[20 * i + 8] = dll;
        steps_2[20 * i + 9] = steps[-13 * i + 721] * steps_2[20 * i + 4] - steps[-13 * i + 719] * steps_2[20 * i + 3];
        const double v1 = steps[-13 * i + 721] * steps_2[20 * i + 1] - steps[-13 * i + 718] * steps_2[20 * i];
        steps_2[20 * i + 10] = v1 - steps[-13 * i + 719] * steps_2[20 * i + 2];
        const double v2 = 2.0 * steps[-13 * i + 721] * steps_2[20 * i + 7] + steps[-13 * i + 722] * steps_2[20 * i + 1];
        steps_2[20 * i + 11] = v2 + steps[-13 * i + 723] * steps_2[20 * i + 4];
        steps_2[20 * i + 12] = -steps_2[20 * i + 10];
        steps_2[20 * i + 13] = -steps_2[20 * i + 9];
        steps_2[20 * i + 14] = -steps_2[20 * i + 5];
        steps_2[20 * i + 15] = steps[-13 * i + 722] * steps_2[20 * i + 6];
        steps_2[20 * i + 16] = steps[-13 * i + 723] * steps_2[20 * i + 6];
        steps_2[20 * i + 17] = steps[-13 * i + 726] * steps_2[20 * i + 6];
        const double v3 = steps_2[20 * i + 6] * steps_2[20 * i + 8] + steps_2[20 * i + 14] * steps_2[20 * i + 17];
        steps_2[20 * i + 18] = v3 + steps_2[20 * i + 13] * steps_2[20 * i + 16] + steps_2[20 * i + 12] * steps_2[20 * i + 15];
        const double v4 = -steps[-13 * i + 723] * steps_2[20 * i + 3] + steps_2[20 * i + 2] - steps[-13 * i + 722] * steps_2[20 * i + 2];
        steps_2[20 * i + 19] = v4 + steps_2[20 * i + 6] * steps_2[20 * i + 9];
        const double v5 = steps_2[20 * i] - steps[-13 * i + 722] * steps_2[20 * i] + steps_2[20 * i + 6] * steps_2[20 * i + 10];
        steps_2[20 * i + 20] = v5 + steps_2[20 * i + 18];
        steps_2[20 * i + 21] = steps_2[20 * i + 1] - steps_2[20 * i + 11];
        steps_2[20 * i + 22] = steps_2[20 * i + 19] + 2.0 * steps_2[20 * i + 20];
        steps_2[20 * i + 23] = steps_2[20 * i + 3] + steps_2[20 * i + 19] + steps_2[20 * i + 20];
        steps_2[20 * i + 24] = steps_2[20 * i + 4] + steps_2[20 * i + 21];
        w_32 += steps_2[20 * i + 18];
        w_33 += steps_2[20 * i + 23];
        w_34 += steps_2[20 * i + 20];
    }

    w_26 = dll;
    w_27 = dll;
    dk1_4 = e * steps_2[1124] - 10.0 * steps_2[1123];
    dk0_4 = -10.0 * steps_2[1122] + e * steps_2[1121] - a * steps_2[1120];
    ds_5 = 1.0 / s_2;
    dk0_5 = -dk0_4;
    dk1_5 = -dk1_4;
    w_28 = -w_26;
    dk0_6 = k0 * ds_5;
    dk1_6 = k1 * ds_5;
    w_29 = w_4 * ds_5;
    ds_6 = dk0_5 * dk0_6 + dk1_5 * dk1_6 + w_28 * w_29 + w_27 * ds_5;
    da = ds_6 + steps_2[1120] + dk0_4 * ds_5 - k0 * steps_2[1120];
    dr = w_32 + ds_6 + ds_4 + ds_2;
    dq2 = w_33 + steps_2[3] + ds_2;
    dq1 = w_34 + da + steps_2[0] + ds_2;
    dnoise[2] = r_2 * dr;
    dnoise[1] = q2 * dq2;
    dnoise[0] = q1 * dq1;
    return w_12;
}
