/* Functions of the module: nodes made by name, many nodes at once, numbers that are in a store. */

static PyObject *function_as_operand(PyObject *module, PyObject *x) { return operand(x); }

static PyObject *function_make_leaf(PyObject *module, PyObject *x) {
    double d;
    return to_double(x, "data", &d) ? told_leaf(new_leaf(d)) : NULL;
}

static double value_of(int row, const double *x) {
    switch (row) { VALUES }
    return NAN;
}

static PyObject *made(int row, double data, PyObject *inputs, PyObject *parameter) {
    Value *v = new_node(ROW_LEAF, NONE, data);
    if (!v) return NULL;
    if (!become(v, row, inputs, parameter)) {
        PyObject_GC_Track(v);
        Py_DECREF(OBJECT(v));
        return NULL;
    }
    return finished(v);
}

static PyObject *function_record(PyObject *module, PyObject *args) {
    PyObject *row, *inputs;
    double data;
    if (!PyArg_ParseTuple(args, "OdO!", &row, &data, &PyTuple_Type, &inputs)) return NULL;
    int number = number_of_row(row);
    return number < 0 ? NULL : made(number, data, inputs, Py_None);
}

static PyObject *function_compute(PyObject *module, PyObject *args) {
    PyObject *row, *inputs, *parameter = Py_None;
    if (!PyArg_ParseTuple(args, "OO!|O", &row, &PyTuple_Type, &inputs, &parameter)) return NULL;
    int which = number_of_row(row);
    if (which < 0) return NULL;
    Py_ssize_t count = PyTuple_Size(inputs);
    if (which >= ROWS || which == ROW_BY_HAND || count != row_arity[which]
        || row_has_static[which] != (parameter != Py_None)) {
        PyErr_SetString(PyExc_TypeError, "not the inputs of a row of the op table");
        return NULL;
    }
    double x[4];
    for (Py_ssize_t i = 0; i < count; i++) x[i] = number((Value *)PyTuple_GetItem(inputs, i));
    if (parameter != Py_None && !to_double(parameter, "the static parameter", &x[count])) return NULL;
    return made(which, value_of(which, x), inputs, parameter);
}

/* ---- many at once ---- */

static PyObject *product(PyObject *w, PyObject *x) {
    if (IS_VALUE(w) && (IS_VALUE(x) || PyFloat_CheckExact(x))) return operator_mul(w, x);
    return PyNumber_Multiply(w, x);
}

static PyObject *sum_of(PyObject *x, PyObject *y) {
    return IS_VALUE(x) && IS_VALUE(y) ? operator_add(x, y) : PyNumber_Add(x, y);
}

/* weighted_sum(weights, xs, start=None): from left to right */
static PyObject *function_weighted_sum(PyObject *module, PyObject *args) {
    PyObject *weights, *xs, *start = Py_None;
    if (!PyArg_ParseTuple(args, "OO|O", &weights, &xs, &start)) return NULL;
    PyObject *of_weights = PyObject_GetIter(weights), *of_xs = of_weights ? PyObject_GetIter(xs) : NULL;
    PyObject *sum = start == Py_None ? NULL : Py_NewRef(start), *w = NULL, *x = NULL;
    while (of_xs && (w = PyIter_Next(of_weights)) && (x = PyIter_Next(of_xs))) {
        PyObject *term = product(w, x), *next = term;
        if (term && sum) { next = sum_of(sum, term); Py_DECREF(term); }
        Py_XDECREF(sum);
        sum = next;
        Py_CLEAR(w);
        Py_CLEAR(x);
        if (!sum) break;
    }
    Py_XDECREF(w);
    Py_XDECREF(of_weights);
    Py_XDECREF(of_xs);
    if (PyErr_Occurred()) Py_CLEAR(sum);
    else if (!sum) PyErr_SetString(PyExc_TypeError, "a sum of no products");
    return sum;
}

/* Calls `each` for every Value of an iterable; stops with an error at anything else. */
static int for_each(PyObject *values, int (*each)(Value *, PyObject *), PyObject *result) {
    PyObject *all = PyObject_GetIter(values), *x;
    if (!all) return 0;
    int well = 1;
    while (well && (x = PyIter_Next(all))) {
        well = ANY_VALUE(x);
        if (!well) PyErr_Format(PyExc_TypeError, "not a Value: %R", x);
        else well = each((Value *)x, result);
        Py_DECREF(x);
    }
    Py_DECREF(all);
    return well && !PyErr_Occurred();
}

static int zero_gradient(Value *v, PyObject *unused) {
    if (!PAID(v)) return 0;
    v->grad = 0.0;
    v->mark = 0;
    return 1;
}

static int append(PyObject *list, PyObject *x) {
    int well = x && PyList_Append(list, x) == 0;
    Py_XDECREF(x);
    return well;
}
static int append_number(Value *v, PyObject *list) { return append(list, PyFloat_FromDouble(number(v))); }
static int append_gradient(Value *v, PyObject *list) { return append(list, get_grad(v, NULL)); }

static PyObject *function_zero_gradients(PyObject *module, PyObject *values) {
    return for_each(values, zero_gradient, NULL) ? Py_NewRef(Py_None) : NULL;
}

static PyObject *collected(PyObject *values, int (*each)(Value *, PyObject *)) {
    PyObject *list = PyList_New(0);
    if (list && !for_each(values, each, list)) Py_CLEAR(list);
    return list;
}
static PyObject *function_numbers_of(PyObject *module, PyObject *values) {
    return collected(values, append_number);
}
static PyObject *function_gradients_of(PyObject *module, PyObject *values) {
    return collected(values, append_gradient);
}

static PyObject *function_make_leaves(PyObject *module, PyObject *numbers) {
    PyObject *list = PyList_New(0), *all = list ? PyObject_GetIter(numbers) : NULL, *x;
    while (all && (x = PyIter_Next(all))) {
        int well = append(list, function_make_leaf(module, x));
        Py_DECREF(x);
        if (!well) break;
    }
    Py_XDECREF(all);
    if (PyErr_Occurred()) Py_CLEAR(list);
    return list;
}

/* ---- numbers that are in a store ---- */

/* move(v, store, place): the number of a leaf is the one at that place of store.view from now on */
static PyObject *function_move(PyObject *module, PyObject *args) {
    PyObject *self, *store, *view = NULL, *home = NULL;
    Py_ssize_t place;
    Py_buffer buffer;
    if (!PyArg_ParseTuple(args, "O!On", value_type, &self, &store, &place)) return NULL;
    Value *v = (Value *)self;
    if (!v->more && !(v->more = PyObject_CallFunctionObjArgs(more_type, NULL))) return NULL;
    if (!(view = PyObject_GetAttrString(store, "view"))) return NULL;
    int well = PyObject_GetBuffer(view, &buffer, PyBUF_SIMPLE) == 0;
    Py_DECREF(view);
    if (!well) return NULL;
    if ((home = Py_BuildValue("On", store, place)) && PyObject_SetAttrString(v->more, "home", home) == 0) {
        if (v->kind == NUMBER) Py_DECREF(v->number);
        v->row = ROW_STORED;
        v->kind = buffer.itemsize == sizeof(float) ? SINGLE : DOUBLE;
        v->place = (char *)buffer.buf + place * buffer.itemsize;
        v->b = NULL;
    } else well = 0;
    Py_XDECREF(home);
    PyBuffer_Release(&buffer);
    return well ? Py_NewRef(Py_None) : NULL;
}

/* owe(write): gradients of Values in stores are there when this has been called */
static PyObject *function_owe(PyObject *module, PyObject *write) {
    PyObject *before = owed;
    owed = Py_NewRef(write);
    Py_XDECREF(before);
    return Py_NewRef(Py_None);
}

static PyObject *function_home_of(PyObject *module, PyObject *x) {
    if (!ANY_VALUE(x) || ((Value *)x)->row != ROW_STORED) return Py_NewRef(Py_None);
    return PyObject_GetAttrString(((Value *)x)->more, "home");
}
